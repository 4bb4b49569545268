"""Training samples of the ranking sequence ("read-twice") and of verbatim copying.

The sequence: the function's lines, dedented, each tokenised on its own with its newline; `<|edit|>`; the same again. At a
token of the second reading the network predicts `<|ok|>`, or the token that should stand here instead. At the last token
of a line it predicts, within `<|ok|>` and `<|bug|>` only, the verdict on the line. A line that a traceback names has
`<|hint|>` before its first token in both readings.

    python3 ranking.py [--work DIR] [--functions N] [--seed S]

writes WORK/pool/NNN.pkl: functions of the network role with up to ten different bugs each, for the early stages.
"""

import argparse
import ast
import itertools
import json
import pathlib
import pickle
import random
import warnings

import torch

import mutate
import tokenizer

LINES_MAX, TOKENS_MAX = 48, 700
FULL, VERDICT = 0, 1     # kinds of targets: over the vocabulary, over {<|ok|>, <|bug|>}


class Sample:
    """ids: the sequence. targets: (position, token, weight, kind). stage: a label for statistics.
    groups: the Group of the listwise loss, or None."""

    def __init__(self, ids, targets, stage, groups=None):
        self.ids, self.targets, self.stage, self.groups = ids, targets, stage, groups


def dedent(lines):
    """The lines without their common indentation; lines of white space only become empty."""
    width = min((len(l) - len(l.lstrip(" \t")) for l in lines if l.strip()), default=0)
    return [l[width:] if l.strip() else "" for l in lines]


def first_difference(old, new):
    """Index of the first differing piece of two tokenised lines."""
    for i, (a, b) in enumerate(zip(old, new)):
        if a != b:
            return i
    return min(len(old), len(new)) - 1


def layout(pieces, hinted):
    """Sequence for tokenised lines; returns ids and, per line, the position of its first token in the second reading."""
    reading, starts = [], []
    for i, line in enumerate(pieces):
        if i == hinted:
            reading.append(tokenizer.HINT)
        starts.append(len(reading))
        reading += line
    offset = len(reading) + 1
    return reading + [tokenizer.EDIT] + reading, [offset + s for s in starts]


def hint_for(source, bug_line, count):
    """The line a simulated traceback names: the bug's in half of the cases, else one below it."""
    if source.random() < 0.5 or bug_line + 1 >= count:
        return bug_line
    return source.randrange(bug_line + 1, count)


def read_twice(codec, lines, bugs, source, stage):
    """Sample of a function with bugs, or None when it does not fit or no bug has a place.

    lines: dedented correct lines. bugs: [(index, buggy text or None for a deleted line)] on different lines.
    """
    replaced = dict(bugs)
    pieces, wanted, pending = [], [], None    # wanted: per shown line, (offset, token) or None
    for i, text in enumerate(lines):
        correct = codec.line(text)
        if i in replaced and replaced[i] is None:
            pending = correct[0]
            continue
        if i in replaced:
            shown = codec.line(replaced[i])
            at = first_difference(shown, correct)
            wanted.append((at, correct[at]))
        else:
            shown = correct
            wanted.append((0, pending) if pending is not None else None)
        pending = None
        pieces.append(shown)
    if not 2 <= len(pieces) <= LINES_MAX or sum(map(len, pieces)) > TOKENS_MAX or not any(wanted):
        return None
    hinted = None
    bad = [i for i, w in enumerate(wanted) if w]
    if source.random() < 0.25:
        hinted = hint_for(source, source.choice(bad), len(pieces))
    ids, starts = layout(pieces, hinted)
    targets = [(p, ids[p + 1], 0.1, FULL) for p in range(len(ids) // 2 - 1) if source.random() < 0.2]
    for start, line, want in zip(starts, pieces, wanted):
        for k in range(len(line)):
            if want and want[0] == k:
                targets.append((start + k, want[1], 1.0, FULL))
            elif want or source.random() < 0.5:
                targets.append((start + k, tokenizer.OK, 0.1, FULL))
        end = start + len(line) - 1
        targets.append((end, tokenizer.BUG if want else tokenizer.OK, 1.0 if want else 0.3, VERDICT))
    return Sample(ids, targets, stage)


def recital(codec, lines, source):
    """A function and the same again, in half of the samples with its lines in another order; loss on the second."""
    pieces = [codec.line(t) for t in lines]
    first = [i for p in pieces for i in p]
    if not 20 <= len(first) <= 400:
        return None
    if source.random() < 0.5:
        source.shuffle(pieces)
    second = [i for p in pieces for i in p]
    ids = first + [tokenizer.END_OF_TEXT] + second
    begin = len(first)
    targets = [(p, ids[p + 1], 0.5, FULL) for p in range(begin, len(ids) - 1)]
    return Sample(ids, targets, "recite")


class Pool:
    """Functions with their bugs, shard after shard, for ever."""

    def __init__(self, work, source):
        self.shards = sorted((pathlib.Path(work) / "pool").glob("*.pkl"))
        self.source, self.next, self.records = source, 0, []

    def draw(self):
        if not self.records:
            if self.next % len(self.shards) == 0:
                self.source.shuffle(self.shards)
            self.records = pickle.loads(self.shards[self.next % len(self.shards)].read_bytes())
            self.source.shuffle(self.records)
            self.next += 1
        return self.records.pop()

    def samples(self, codec, stage):
        """Endless samples of stage "multi" (each line corrupted with p = 0.2), "single" or "recite"."""
        while True:
            lines, bugs = self.draw()
            sample = None
            if stage == "recite":
                sample = recital(codec, lines, self.source)
            elif bugs:
                if stage == "single":
                    chosen = [self.source.choice(bugs)]
                else:
                    by_line = {}
                    for bug in bugs:
                        by_line.setdefault(bug[0], []).append(bug)
                    rate = min(1.0, 0.2 * len(lines) / len(by_line))
                    chosen = [self.source.choice(b) for b in by_line.values() if self.source.random() < rate]
                    chosen = chosen or [self.source.choice(bugs)]
                sample = read_twice(codec, lines, chosen, self.source, stage)
            if sample:
                yield sample


class Group:
    """The candidates of one function's bug: where the network's numbers for each are read, and the tables' scores.

    places: positions at which a replacement is read; per candidate place_of (index into places) and pieces (the token
    that would stand there). ends: positions of the verdicts; per candidate line_of. table: the tables' logits.
    right: index of the repair, or -1. indices: the candidates' indices in the record (those outside of a window drop out).
    """

    def __init__(self, rows, table, right, indices):
        self.indices = indices
        places = sorted({r[0] for r in rows})
        ends = sorted({r[2] for r in rows})
        self.places, self.ends = torch.tensor(places), torch.tensor(ends)
        self.place_of = torch.tensor([places.index(r[0]) for r in rows])
        self.pieces = torch.tensor([r[1] for r in rows])
        self.line_of = torch.tensor([ends.index(r[2]) for r in rows])
        self.table, self.right = torch.tensor(table, dtype=torch.float32), right


def group_of(codec, record, source=None, hinted=None):
    """(ids, Group, starts, pieces) of one line of fledgling_dump --candidates; None when the function does not fit.

    Functions above the limits are shown as the window of LINES_MAX lines around the tables' best candidates, in training
    (where `source` is given) they are left out. Candidates outside of the window are dropped, the repair with them.
    """
    lines = dedent(record["lines"])
    width = len(record["lines"][0]) - len(lines[0])
    pieces = [codec.line(t) for t in lines]
    first, last = 0, len(pieces)
    if len(pieces) > LINES_MAX or sum(map(len, pieces)) > TOKENS_MAX:
        if source is not None or not record["c"]:
            return None
        middle = record["c"][0][0] - record["first_line"]
        first = last = min(max(middle, 0), len(pieces) - 1)
        total = 0
        while last - first < LINES_MAX and (first > 0 or last < len(pieces)):
            grow_down = last < len(pieces) and (last - middle <= middle - first or first == 0)
            total += len(pieces[last] if grow_down else pieces[first - 1])
            if total > TOKENS_MAX:
                break
            first, last = (first, last + 1) if grow_down else (first - 1, last)
        pieces = pieces[first:last]
    if len(pieces) < 1:
        return None
    if source is not None and record["label"] >= 0 and source.random() < 0.25:
        hinted = hint_for(source, record["c"][record["label"]][0] - record["first_line"], len(pieces))
    ids, starts = layout(pieces, hinted)
    rows, table, right, indices = [], [], -1, []
    for index, (line, operation, text, _, score) in enumerate(record["c"]):
        at = line - record["first_line"] - first
        if not 0 <= at <= len(pieces) or at == len(pieces) and operation != 1:
            continue
        text = text[width:] if text.strip() else ""
        if at == len(pieces):       # an insertion below the last line is read at its last token
            place, piece, at = starts[-1] + len(pieces[-1]) - 1, codec.line(text)[0], at - 1
        elif operation == 0:
            new = codec.line(text)
            offset = first_difference(pieces[at], new)
            place, piece = starts[at] + offset, new[min(offset, len(new) - 1)]
        elif operation == 1:
            place, piece = starts[at], codec.line(text)[0]
        else:
            place, piece = starts[at], pieces[at + 1][0] if at + 1 < len(pieces) else tokenizer.END_OF_TEXT
        if index == record["label"]:
            right = len(rows)
        rows.append((place, piece, starts[at] + len(pieces[at]) - 1))
        table.append(score)
        indices.append(index)
    return (ids, Group(rows, table, right, indices), starts, pieces) if rows else None


def listwise_samples(files, codec, source):
    """Endless samples of the stage "resid" from the output of fledgling_dump --candidates, in the order of the files."""
    while True:
        for path in source.sample(files, len(files)):
            with open(path) as file:
                for text in file:
                    record = json.loads(text)
                    if record["label"] < 0 or len(record["c"]) < 2:
                        continue
                    made = group_of(codec, record, source)
                    if made is None or made[1].right < 0:
                        continue
                    ids, group, starts, pieces = made
                    bad = group.line_of[group.right].item()
                    wrong_end = group.ends[bad].item()
                    targets = [(p, ids[p + 1], 0.1, FULL) for p in range(len(ids) // 2 - 1) if source.random() < 0.2]
                    place = group.places[group.place_of[group.right]].item()
                    targets.append((place, group.pieces[group.right].item(), 1.0, FULL))
                    for start, piece in zip(starts, pieces):
                        end = start + len(piece) - 1
                        targets.append((end, tokenizer.BUG if end == wrong_end else tokenizer.OK, 1.0 if end == wrong_end else 0.3, VERDICT))
                        targets += [(p, tokenizer.OK, 0.1, FULL) for p in range(start, end + 1) if p != place and source.random() < 0.3]
                    yield Sample(ids, targets, "resid", group)


def pool_of(source_root, records, seed):
    """(dedented lines, [(index, buggy or None)]) of the function records of one file."""
    text = (source_root / records[0]["file"]).read_text()
    lines = text.split("\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    names, nodes = mutate.FileNames(tree), mutate.functions_at(tree)
    for record in records:
        first, last = record["first_line"], record["last_line"]
        if last - first >= LINES_MAX:
            continue
        random_source = random.Random(f"{seed} pool {record['file']} {first}")
        own = dedent(lines[first - 1:last])
        width = len(lines[first - 1]) - len(own[0])
        bugs = [(b["line"] - first, None if b["deleted"] else b["buggy"][width:])
                for b in mutate.mutations(nodes[first], lines, names, random_source, 10)]
        yield own, bugs


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=mutate.DEFAULT_WORK)
    arguments.add_argument("--functions", type=int, default=60_000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    with open(options.work / "functions" / "network.jsonl") as file:
        groups = [list(g) for _, g in itertools.groupby(map(json.loads, file), key=lambda r: r["file"])]
    random.Random(options.seed).shuffle(groups)
    (options.work / "pool").mkdir(exist_ok=True)
    shard, count, number = [], 0, 0

    def write():
        path = options.work / "pool" / f"{number:03}.pkl"
        path.with_suffix(".part").write_bytes(pickle.dumps(shard))
        path.with_suffix(".part").rename(path)

    for group in groups:
        # No file dominates: its functions are thinned to forty.
        random.Random(group[0]["file"]).shuffle(group)
        shard += pool_of(options.work / "src", group[:40], options.seed)
        if len(shard) >= 3000:
            write()
            count, number, shard = count + len(shard), number + 1, []
            print(f"{count} functions", flush=True)
        if count >= options.functions:
            break


if __name__ == "__main__":
    main()
