"""Measures Fledgling on held-out packages.

    python3 evaluate.py drive [--count N] [--checkpoint FILE | --gguf is the checkpoint's average]
    python3 evaluate.py rank  [--checkpoint FILE]      tables alone against tables and network; see ranking.listwise_samples

drive: each call of composed trajectories, decided as the product decides it: greedy, among the calls that are allowed at
that point (names, existing paths, offered choices). A call counts when every decision on its way is right.
"""

import argparse
import collections
import json
import pathlib
import random
import re
import time

import torch

import tokenizer
import trajectories
from export import CHECKPOINT, load


def text_of(a_call):
    return f"<tool_call>\n{json.dumps(a_call, ensure_ascii=False)}\n</tool_call><|im_end|>"


def allowed(made, before):
    """The calls that may stand after the messages `before`."""
    calls = [trajectories.call("suggest_edits")] + [trajectories.call("read_file", path=f) for f in made["files"]]
    if made["command"]:
        calls.append(trajectories.call("shell", command=made["command"]))
    tried = {m["calls"][0]["arguments"].get("choice") for m in before if m["role"] == "assistant"}
    for m in before:
        if m["role"] == "tool" and "candidates, best first" in m["content"]:
            for choice in re.findall(r"^(c\d+) ", m["content"], re.M):
                if choice not in tried:
                    calls.append(trajectories.call("edit_file", choice=choice))
    return calls


def decisions(logits, begin, right, options):
    """Whether greedy decoding from position `begin` - 1 on, limited to the options, gives `right`; all are token lists."""
    alive = options
    for k, token in enumerate(right):
        offered = {o[k] for o in alive if len(o) > k}
        if len(offered) > 1:
            row = logits[begin - 1 + k]
            if max(offered, key=lambda t: row[t]) != token:
                return False
        alive = [o for o in alive if len(o) > k and o[k] == token]
        if alive == [right]:
            return True
    return True


def place_of_path(made, index, path):
    """Where the argument of a read_file call was to be found."""
    reads = [m for m in made["messages"][:index] if m["role"] == "assistant" and m["calls"][0]["name"] == "read_file"]
    if reads:
        return "path from imports"
    shown = next((m["content"] for m in made["messages"][:index] if m["role"] == "tool"), "")
    if path not in shown:
        return "path from task"
    return "path of test" if "test" in path.rpartition("/")[2] else "path from traceback"


@torch.no_grad()
def drive(model, codec, work, count, seed, shorten=False, tokens_max=4096):
    """Counts of right and all decisions by kind, over `count` trajectories of the held-out role."""
    counts = collections.defaultdict(lambda: [0, 0])
    source = random.Random(seed)
    made_source = trajectories.trajectories(work, "heldout", source)
    lengths = []
    while len(lengths) < count:
        made = next(made_source)
        if shorten:
            made = trajectories.shortened(made, source)
        if not trajectories.offered(made):
            continue
        ids, own = trajectories.encode(codec, trajectories.rendered(made["messages"], trajectories.PROFILE["tools"]))
        if len(ids) > tokens_max:
            continue
        lengths.append(len(ids))
        hidden = model.hidden(torch.tensor([ids]))[0]
        begins = [p for p in range(1, len(ids)) if own[p] and not own[p - 1]]
        turns = [i for i, m in enumerate(made["messages"]) if m["role"] == "assistant"]
        for begin, index in zip(begins, turns):
            right_call = made["messages"][index]["calls"][0]
            right = codec.parsed(text_of(right_call))
            logits = model.logits(hidden[begin - 1:begin - 1 + len(right)])
            options = [codec.parsed(text_of(c)) for c in allowed(made, made["messages"][:index])]
            name = right_call["name"]
            finish = codec.parsed(text_of(trajectories.call("finish", summary="")))
            named = len(codec.parsed(f'<tool_call>\n{{"name": "{name}"'))
            good_name = decisions(logits, 1, right[:named], [o[:named + 2] for o in options + [finish]] + [right[:named]])
            score(counts, f"name {name}", good_name)
            if name == "finish":
                score(counts, "finish word for word", bool((logits.argmax(-1) == torch.tensor(right)).all()))
                continue
            good = decisions(logits, 1, right, options + [finish])
            if name == "read_file":
                score(counts, place_of_path(made, index, right_call["arguments"]["path"]), good)
            elif name == "edit_file":
                score(counts, "choice", good)
            score(counts, "all calls", good)
    return dict(counts), lengths


def score(counts, kind, good):
    counts[kind][0] += good
    counts[kind][1] += 1


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("what", choices=["drive", "rank"])
    arguments.add_argument("--work", type=pathlib.Path, default=tokenizer.DEFAULT_WORK)
    arguments.add_argument("--checkpoint", type=pathlib.Path, default=CHECKPOINT)
    arguments.add_argument("--count", type=int, default=150)
    arguments.add_argument("--seed", type=int, default=99)
    arguments.add_argument("--newest", action="store_true", help="the last weights, not their moving average")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    model, counters = load(options.checkpoint, not options.newest)
    print(f"{counters['tokens'] / 1e6:.2f} M tokens")
    codec = tokenizer.Codec(options.work)
    if options.what == "drive":
        began = time.time()
        counts, lengths = drive(model, codec, options.work, options.count, options.seed)
        for kind, (right, count) in sorted(counts.items()):
            print(f"{kind:24} {right:5} of {count:5}  {100 * right / count:5.1f} %")
        print(f"{len(lengths)} trajectories, {sum(lengths) / len(lengths):.0f} tokens on average, at most {max(lengths)}; {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
