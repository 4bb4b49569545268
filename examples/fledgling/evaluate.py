"""Measures Fledgling on held-out packages.

    python3 evaluate.py drive [--count N] [--checkpoint FILE]
    python3 evaluate.py paths --outputs FILE [--checkpoint FILE]
    python3 evaluate.py rank  [--count N] [--checkpoint FILE] [--fit FILE] [--test FILE] [--write]

drive: each call of composed trajectories, decided as the product decides it: greedy, among the calls that are allowed at
that point (names, existing paths, offered choices). A call counts when every decision on its way is right.

paths: which file is read after real outputs of checks. FILE has JSON lines {check, code, out, files}: the command, its exit
code and output, the project's Python files. Right is the last frame in the project and no test; else the last test frame.

rank: tables alone against tables and network on the same candidates (output of fledgling_dump --candidates; --fit of the
role ranker, --test of heldout). The two weights of the network, of its token log-odds and of its verdict, are fitted on the
first and used on the second. All bugs are in the denominator. --write puts them into profile.json, with weight 0 unless
the network gains at one and loses nowhere by more than half a point.
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
from ranking import group_of
from train import candidate_scores


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


@torch.no_grad()
def numbers(model, codec, path, count):
    """Per bug: table scores, token scores and verdicts of its candidates (float64 tensors), their lines, the repair's index."""
    found = []
    with open(path) as file:
        for text in file:
            if len(found) == count:
                break
            record = json.loads(text)
            n = len(record["c"])
            table = torch.tensor([c[4] for c in record["c"]], dtype=torch.float64)
            token, verdict = torch.zeros(n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
            made = group_of(codec, record)
            if made:
                ids, group, *_ = made
                t, v = candidate_scores(model, model.hidden(torch.tensor([ids]))[0], group, parts=True)
                token += t.min()
                verdict += v.min()
                token[group.indices], verdict[group.indices] = t.double(), v.double()
            found.append((table, token, verdict, [c[0] for c in record["c"]], record["label"], record["line"]))
    return found


def fitted(bugs):
    """Weights (token, verdict) of greatest likelihood of the repairs beside the table's score."""
    weights = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    usable = [b for b in bugs if b[4] >= 0]
    optimizer = torch.optim.LBFGS([weights], max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -torch.stack([torch.log_softmax(b[0] + weights[0] * b[1] + weights[1] * b[2], 0)[b[4]] for b in usable]).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weights.detach()


def rates(bugs, weights):
    """exact@1, 4, 16, 64 and localisation@1 in percent over all bugs, and per bug whether the repair is first."""
    hits, first = [0] * 5, []
    for table, token, verdict, lines, right, line in bugs:
        rank = 10 ** 9
        if len(table):
            total = table + weights[0] * token + weights[1] * verdict
            hits[4] += lines[int(total.argmax())] == line
            if right >= 0:
                rank = int((total > total[right]).sum())
        for k, limit in enumerate((1, 4, 16, 64)):
            hits[k] += rank < limit
        first.append(rank < 1)
    return [100 * h / len(bugs) for h in hits], first


def rank(model, codec, options):
    fit, test = (numbers(model, codec, p, options.count) for p in (options.fit, options.test))
    weights = fitted(fit)
    print(f"fitted on {len(fit)} bugs: token {weights[0]:.4f}, verdict {weights[1]:.4f}")
    rows = {"tables": rates(test, torch.zeros(2)), "tables + network": rates(test, weights), "network alone": None}
    only = [(torch.zeros_like(b[0]), *b[1:]) for b in test]
    rows["network alone"] = rates(only, torch.tensor([1.0, 0.5]))
    print(f"{len(test)} bugs            @1     @4    @16    @64  loc@1")
    for name, (values, _) in rows.items():
        print(f"{name:18}" + "".join(f"{v:7.1f}" for v in values))
    (a, before), (b, after) = rows["tables"], rows["tables + network"]
    print(f"first only with the network {sum(y and not x for x, y in zip(before, after))}, only without {sum(x and not y for x, y in zip(before, after))}")
    if options.write:
        better = b[0] > a[0] and min(y - x for x, y in zip(a[:4], b[:4])) > -0.5
        path = pathlib.Path(__file__).resolve().parent / "profile.json"
        profile = json.loads(path.read_text())
        profile["rank"] = {"format": "read-twice", "weight": int(better), "token": round(float(weights[0]), 4), "verdict": round(float(weights[1]), 4)}
        path.write_text(json.dumps(profile, indent=2) + "\n")
        print(profile["rank"])


@torch.no_grad()
def chosen_path(model, codec, messages, files):
    """The path that greedy decoding among `files` reads after the messages."""
    ids = trajectories.encode(codec, trajectories.rendered(messages, trajectories.PROFILE["tools"]))[0]
    ids += codec.parsed("<|im_start|>assistant\n")
    alive = {f: codec.parsed(text_of(trajectories.call("read_file", path=f))) for f in files}
    k = 0
    while len(alive) > 1:
        offered = {o[k] for o in alive.values()}
        best = next(iter(offered))
        if len(offered) > 1:
            row = model.logits(model.hidden(torch.tensor([ids]))[0, -1])
            best = max(offered, key=lambda t: row[t])
        alive = {f: o for f, o in alive.items() if o[k] == best}
        ids.append(best)
        k += 1
    return next(iter(alive))


def is_test(path):
    return re.search(r"(^|/)(tests?|test_[^/]*|[^/]*_test)(/|\.py$)", path) is not None


def paths(model, codec, options):
    counts = collections.defaultdict(lambda: [0, 0])
    for line in options.outputs.read_text().splitlines():
        r = json.loads(line)
        shown = trajectories.head_and_tail(f"exit code {r['code']}\n" + r["out"])
        named = re.findall(r'(?:File "|^)([\w./-]+\.py)(?:", line|:\d+:)', shown, re.M)
        frames = [f for f in (next((f for f in r["files"] if n.endswith(f)), None) for n in named) if f]
        if r["code"] == 0 or not frames:
            continue
        code = [f for f in frames if not is_test(f)]
        task = "The tests fail. Find the bug and repair it."
        messages = [{"role": "system", "content": trajectories.PROFILE["system"]}, {"role": "user", "content": f"{task}\n\nCheck: {r['check']}"},
                    trajectories.assistant(trajectories.call("shell", command=r["check"])), {"role": "tool", "content": shown}]
        got = chosen_path(model, codec, messages, r["files"])
        score(counts, "all", got == (code or frames)[-1])
        score(counts, "frame of the project" if code else "test frames only", got == (code or frames)[-1])
        score(counts, "some file of a frame", got in frames)
    report(counts)


def report(counts):
    for kind, (right, count) in sorted(counts.items()):
        print(f"{kind:24} {right:5} of {count:5}  {100 * right / count:5.1f} %")


def score(counts, kind, good):
    counts[kind][0] += good
    counts[kind][1] += 1


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("what", choices=["drive", "paths", "rank"])
    arguments.add_argument("--work", type=pathlib.Path, default=tokenizer.DEFAULT_WORK)
    arguments.add_argument("--checkpoint", type=pathlib.Path, default=CHECKPOINT)
    arguments.add_argument("--count", type=int, default=150)
    arguments.add_argument("--seed", type=int, default=99)
    arguments.add_argument("--outputs", type=pathlib.Path)
    arguments.add_argument("--fit", type=pathlib.Path, default=tokenizer.DEFAULT_WORK / "rank" / "ranker.jsonl")
    arguments.add_argument("--test", type=pathlib.Path, default=tokenizer.DEFAULT_WORK / "rank" / "heldout.jsonl")
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--newest", action="store_true", help="the last weights, not their moving average")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    model, counters = load(options.checkpoint, not options.newest)
    print(f"{counters['tokens'] / 1e6:.2f} M tokens")
    codec = tokenizer.Codec(options.work)
    if options.what == "rank":
        rank(model, codec, options)
    elif options.what == "paths":
        paths(model, codec, options)
    else:
        began = time.time()
        counts, lengths = drive(model, codec, options.work, options.count, options.seed)
        report(counts)
        print(f"{len(lengths)} trajectories, {sum(lengths) / len(lengths):.0f} tokens on average, at most {max(lengths)}; {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
