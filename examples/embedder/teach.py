"""What the teacher says: vectors of all word pieces, then of the texts, in shards that can be stopped.

python teach.py WEIGHTS_FOLDER TEXTS.jsonl WORK_FOLDER [pieces per text, 64]
"""
import json
import pathlib
import sys
import time

import numpy
import torch

import minilm

SHARD = 1024


def in_batches(model, lists, batch):
    """Vectors of lists of word pieces; lists of one length go together."""
    out = numpy.zeros((len(lists), 384), numpy.float32)
    order = sorted(range(len(lists)), key=lambda i: len(lists[i]))
    at = 0
    while at < len(order):
        length = len(lists[order[at]])
        end = at
        while end < len(order) and end - at < batch and len(lists[order[end]]) == length:
            end += 1
        out[order[at:end]] = model.embed_ids([lists[i] for i in order[at:end]])
        at = end
    return out


def main(weights, texts, work, pieces=64):
    torch.set_num_threads(1)
    model = minilm.MiniLM(weights)
    work = pathlib.Path(work)
    work.mkdir(parents=True, exist_ok=True)
    cls, sep = (model.vocabulary.index(name) for name in ("[CLS]", "[SEP]"))
    start = time.process_time()
    if not (work / "pieces.npy").exists():
        every = [[cls, i, sep] for i in range(len(model.vocabulary))]
        numpy.save(work / "pieces.npy", in_batches(model, every, 256))
        print(f"{len(every)} word pieces, {time.process_time() - start:.0f} s of CPU", flush=True)
    if not pathlib.Path(texts).exists():
        return
    lists = []
    for line in open(texts, encoding="utf-8"):
        ids = model.tokenizer.encode(json.loads(line), add_special_tokens=False).ids[:int(pieces)]
        lists.append(ids)
    for shard in range(0, len(lists), SHARD):
        path = work / f"texts-{shard // SHARD:03}.npz"
        if path.exists():
            continue
        part = lists[shard:shard + SHARD]
        vectors = in_batches(model, [[cls, *ids, sep] for ids in part], 16)
        flat = numpy.concatenate([numpy.array(ids, numpy.int32) for ids in part])
        numpy.savez(path, ids=flat, lengths=[len(ids) for ids in part], vectors=vectors)
        print(f"{shard + len(part)} texts, {time.process_time() - start:.0f} s of CPU", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
