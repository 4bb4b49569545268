"""Fits the table of token vectors to what the teacher said and writes it as GGUF.

python fit.py WEIGHTS_FOLDER WORK_FOLDER OUT.gguf [--dim 256] [--pull 0.1] [--texts N]

Start: vectors of single word pieces, minus their mean, PCA, times log(1 + rank). Then conjugate gradient on
|X E - Y|^2 + pull |E - start|^2, where a row of X holds a text's shares of word pieces and Y the teacher's vectors.
"""
import argparse
import json
import pathlib

import gguf
import numpy

import minilm

FIRST_WORD = 1996  # "the"; ids follow frequency from here
STEPS = 25


class Shares:
    """X as a sparse matrix: rows of equal shares of the word pieces of a text."""

    def __init__(self, ids, lengths, pieces):
        self.ids, self.pieces = ids, pieces
        self.rows = numpy.repeat(numpy.arange(len(lengths)), lengths)
        self.share = numpy.repeat(1.0 / numpy.maximum(lengths, 1), lengths).astype(numpy.float32)[:, None]
        self.count = len(lengths)
        self.starts = numpy.concatenate([[0], numpy.cumsum(lengths)[:-1]])
        self.order = numpy.argsort(ids, kind="stable")
        found, begins = numpy.unique(ids[self.order], return_index=True)
        self.found, self.begins = found, begins

    def times(self, table):
        return numpy.add.reduceat(table[self.ids] * self.share, self.starts, axis=0)

    def transposed(self, values):
        out = numpy.zeros((self.pieces, values.shape[1]), numpy.float32)
        spread = (values[self.rows] * self.share)[self.order]
        out[self.found] = numpy.add.reduceat(spread, self.begins, axis=0)
        return out


def fit(shares, wanted, start, pull):
    """Conjugate gradient, all columns at once, from `start`."""
    apply = lambda e: shares.transposed(shares.times(e)) + pull * e
    e = start.copy()
    r = shares.transposed(wanted) + pull * start - apply(e)
    p, rr = r.copy(), (r * r).sum(0)
    for _ in range(STEPS):
        q = apply(p)
        step = rr / numpy.maximum((p * q).sum(0), 1e-20)
        e += step * p
        r -= step * q
        new = (r * r).sum(0)
        p = r + (new / numpy.maximum(rr, 1e-20)) * p
        rr = new
    return e


def cosine(a, b):
    return float(((a * b).sum(1) / (numpy.linalg.norm(a, axis=1) * numpy.linalg.norm(b, axis=1) + 1e-9)).mean())


def load(work, texts):
    shards = [numpy.load(path) for path in sorted(work.glob("texts-*.npz"))]
    ids = numpy.concatenate([s["ids"] for s in shards]).astype(numpy.int64)
    lengths = numpy.concatenate([s["lengths"] for s in shards]).astype(numpy.int64)
    vectors = numpy.concatenate([s["vectors"] for s in shards]).astype(numpy.float32)
    keep = lengths > 0
    vectors, lengths = vectors[keep], lengths[keep]
    count = min(texts, len(lengths))
    return ids[:lengths[:count].sum()], lengths[:count], vectors[:count]


def write(path, pieces, table, notes):
    scale = numpy.maximum(numpy.abs(table).max(1), 1e-9) / 127
    codes = numpy.clip(numpy.rint(table / scale[:, None]), -127, 127).astype(numpy.int8)
    writer = gguf.GGUFWriter(path, "corvid-token-vectors")
    writer.add_name("Corvid token vectors")
    writer.add_description("Static word-piece vectors distilled from all-MiniLM-L6-v2 (Apache-2.0). See MODEL_CARD.md beside the recipe.")
    writer.add_license("apache-2.0")
    writer.add_string("corvid.embedder.source", "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0; changed: distilled to one vector per word piece")
    writer.add_string("corvid.embedder.notes", json.dumps(notes))
    writer.add_string("corvid.embedder.pieces", "\n".join(pieces))
    writer.add_tensor("token_embd.weight", codes)
    writer.add_tensor("token_embd.scale", scale.astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--pull", type=float, default=0.1)
    parser.add_argument("--texts", type=int, default=1 << 30)
    a = parser.parse_args()
    vocabulary = (pathlib.Path(a.weights) / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    single = numpy.load(a.work / "pieces.npy")
    ids, lengths, vectors = load(a.work, a.texts)
    mean = single.mean(0)
    _, _, axes = numpy.linalg.svd(single - mean, full_matrices=False)
    axes = axes[:a.dim].T
    rank = numpy.maximum(numpy.arange(len(single)) - FIRST_WORD + 1, 1)
    start = ((single - mean) @ axes * numpy.log1p(rank)[:, None]).astype(numpy.float32)
    wanted = vectors - vectors.mean(0)
    wanted = (wanted @ axes).astype(numpy.float32)
    held = len(lengths) // 10
    cut = lengths[:-held].sum()
    fitted = Shares(ids[:cut], lengths[:-held], len(single))
    test = Shares(ids[cut:], lengths[-held:], len(single))
    guess = fitted.times(start)
    start *= (guess * wanted[:-held]).sum() / (guess * guess).sum()
    before = cosine(test.times(start), wanted[-held:])
    table = fit(fitted, wanted[:-held], start, a.pull)
    after = cosine(test.times(table), wanted[-held:])
    notes = {"texts": int(len(lengths) - held), "pull": a.pull, "steps": STEPS,
             "cosine to the teacher on texts left out": [round(before, 3), round(after, 3)]}
    print(notes)
    used = [i for i, piece in enumerate(vocabulary) if not (piece.startswith("[") and piece.endswith("]") and len(piece) > 2)]
    write(a.out, [vocabulary[i] for i in used], table[used], notes)


if __name__ == "__main__":
    main()
