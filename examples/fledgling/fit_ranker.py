"""Fits the weights that rank repairs and writes them into the table file.

A conditional logit: a softmax over the candidates of a bug's function. First linear (features and a bias per kind),
then with one hidden layer. Made bugs are weighted so that their kinds are half as they come and half evenly many,
because the kinds of a mutator's bugs are its own; changes that people made (real_fixes.py) weigh --real each. Prints
exact@K (the right repair among the first K) and loc@K (its line among the K best lines), all bugs in the denominator.

    python3 fit_ranker.py --fit PREFIX... [--test PREFIX...] [--report PREFIX...] [--tables FILE] [--hidden 24]

PREFIX is what `fledgling_dump --features` was given; those to fit on may hold a sample of the candidates, whose scores
then stand for the rest. Needs numpy only.
"""

import argparse
import json
import pathlib
import struct

import numpy

CLAMP = 6.0
INSERT = 1
EXACT = (1, 4, 16, 64)


class Bugs:
    """Candidates of many bugs: features (rows, features), kinds, lines, and per bug its rows and label."""

    def __init__(self, prefixes, limit=None):
        records, places, features = [], [], []
        for prefix in prefixes:
            self.names = pathlib.Path(prefix + ".names").read_text().split()
            part = [json.loads(line) for line in open(prefix + ".jsonl")]
            rows = sum(r["count"] for r in part)
            records += part
            places.append(numpy.fromfile(prefix + ".cand", dtype=[("line", "<u2"), ("kind", "u1"), ("operation", "u1")]))
            features.append(numpy.fromfile(prefix + ".f32", dtype="<f4").reshape(rows, -1))
        records = records[:limit]
        places = numpy.concatenate(places)
        self.features = numpy.concatenate(features) if len(features) > 1 else features[0]
        width = self.features.shape[1]
        self.lines, self.kinds = places["line"].astype(int), places["kind"].astype(int)
        self.feature_names, self.kind_names = self.names[:width], self.names[width:]
        self.records = records
        ends = numpy.cumsum([r["count"] for r in records])
        self.spans = [(int(e - r["count"]), int(e)) for e, r in zip(ends, records)]
        self.labels = [r["label"] for r in records]
        # Of the drawn candidates, each wrong one stands for so many (as a logarithm).
        self.offsets = [numpy.log(max(1, r.get("total", r["count"]) - 1) / max(1, r["count"] - 1)) for r in records]


def is_real(record):
    return record["kind"].startswith("real")


def bug_weights(bugs, flat, real):
    """Per bug: 1 - flat, plus flat times what makes the kinds of made bugs even; `real` for what people changed."""
    counts = {}
    for record in bugs.records:
        if not is_real(record):
            counts[record["kind"]] = counts.get(record["kind"], 0) + 1
    mean = sum(counts.values()) / max(1, len(counts))
    return numpy.array([real if is_real(r) else 1 - flat + flat * min(10.0, mean / counts[r["kind"]])
                        for r in bugs.records], dtype="f4")


class Model:
    """Parameters p of the ranker; x are standardised features, k kinds."""

    def __init__(self, features, kinds, hidden, seed):
        random = numpy.random.default_rng(seed)
        self.hidden = hidden
        self.p = {"linear": numpy.zeros(features, "f4"), "bias": numpy.zeros(kinds, "f4")}
        if hidden:
            self.p |= {"w": (random.standard_normal((hidden, features)) * 0.15).astype("f4"),
                       "kind": (random.standard_normal((kinds, hidden)) * 0.15).astype("f4"),
                       "b": numpy.zeros(hidden, "f4"),
                       "out": (random.standard_normal(hidden) * 0.1).astype("f4")}
        self.m = {n: numpy.zeros_like(v) for n, v in self.p.items()}
        self.v = {n: numpy.zeros_like(v) for n, v in self.p.items()}
        self.steps = 0

    def scores(self, x, k):
        s = x @ self.p["linear"] + self.p["bias"][k]
        if not self.hidden:
            return s, None
        h = numpy.tanh(x @ self.p["w"].T + self.p["kind"][k] + self.p["b"])
        return s + h @ self.p["out"], h

    def gradient(self, x, k, h, d):
        """Of the loss, where d is its derivative by the scores."""
        g = {"linear": d @ x, "bias": numpy.bincount(k, weights=d, minlength=len(self.p["bias"])).astype("f4")}
        if self.hidden:
            dz = d[:, None] * self.p["out"][None, :] * (1 - h * h)
            by_kind = numpy.zeros_like(self.p["kind"])
            order = numpy.argsort(k, kind="stable")
            found, starts = numpy.unique(k[order], return_index=True)
            by_kind[found] = numpy.add.reduceat(dz[order], starts, axis=0)
            g |= {"w": dz.T @ x, "kind": by_kind, "b": dz.sum(0), "out": d @ h}
        return g

    def step(self, g, rate, decay):
        self.steps += 1
        for name, value in g.items():
            value = value + decay * self.p[name]
            self.m[name] += 0.1 * (value - self.m[name])
            self.v[name] += 0.01 * (value * value - self.v[name])
            m = self.m[name] / (1 - 0.9 ** self.steps)
            v = self.v[name] / (1 - 0.99 ** self.steps)
            self.p[name] -= (rate * m / (numpy.sqrt(v) + 1e-8)).astype("f4")


class Standard:
    def __init__(self, features):
        sample = numpy.asarray(features[:: max(1, len(features) // 200000)], dtype="f8")
        self.mean = sample.mean(0).astype("f4")
        self.scale = (1 / numpy.maximum(sample.std(0), 1e-3)).astype("f4")

    def __call__(self, features):
        return numpy.clip((features - self.mean) * self.scale, -CLAMP, CLAMP)


def fit(bugs, standard, options, hidden, columns=None, with_kinds=True, flat=None):
    """columns: the features used; None means all."""
    weights = bug_weights(bugs, options.flat if flat is None else flat, options.real)
    usable = [i for i, label in enumerate(bugs.labels) if label >= 0]
    mask = numpy.ones(len(bugs.feature_names), "f4")
    if columns is not None:
        mask[:] = [name in columns for name in bugs.feature_names]
    model = Model(len(bugs.feature_names), len(bugs.kind_names), hidden, options.seed)
    random = numpy.random.default_rng(options.seed)
    kinds = bugs.kinds if with_kinds else numpy.zeros_like(bugs.kinds)
    total = options.epochs * ((len(usable) + 31) // 32)
    step = 0
    for _ in range(options.epochs):
        order = random.permutation(usable)
        for first in range(0, len(order), 32):
            batch = order[first:first + 32]
            rows = numpy.concatenate([numpy.arange(*bugs.spans[i]) for i in batch])
            x = standard(bugs.features[rows]) * mask
            k = kinds[rows]
            s, h = model.scores(x, k)
            d = numpy.empty_like(s)
            at = 0
            for i in batch:
                n = bugs.spans[i][1] - bugs.spans[i][0]
                part = s[at:at + n] + numpy.float32(bugs.offsets[i])
                part[bugs.labels[i]] -= numpy.float32(bugs.offsets[i])
                e = numpy.exp(part - part.max())
                d[at:at + n] = weights[i] * e / e.sum()
                d[at + bugs.labels[i]] -= weights[i]
                at += n
            rate = options.rate * (1 - step / total)
            model.step(model.gradient(x, k, h, d / len(batch)), rate, options.decay)
            step += 1
    return lambda b, rows: model.scores(standard(b.features[rows]) * mask,
                                        b.kinds[rows] if with_kinds else numpy.zeros_like(b.kinds[rows]))[0], model


def merged(models):
    """One model whose score is the mean of theirs."""
    whole = models[0]
    count = numpy.float32(len(models))
    for name in ("linear", "bias"):
        whole.p[name] = sum(m.p[name] for m in models) / count
    for name in ("w", "b", "out"):
        whole.p[name] = numpy.concatenate([m.p[name] for m in models])
    whole.p["kind"] = numpy.concatenate([m.p["kind"] for m in models], axis=1)
    whole.p["out"] /= count
    whole.hidden = len(whole.p["out"])
    return whole


def fit_several(bugs, standard, options):
    """As fit, the mean of --models of them that begin with different weights."""
    models = []
    for i in range(options.models):
        seeded = argparse.Namespace(**vars(options) | {"seed": options.seed + i})
        models.append(fit(bugs, standard, seeded, options.hidden)[1])
    model = merged(models)
    return lambda b, rows: model.scores(standard(b.features[rows]), b.kinds[rows])[0], model


def evaluate(bugs, score, select=lambda record: True):
    """exact@1/4/16/64 and loc@1/3 in percent, and the number of bugs."""
    exact, local, count = numpy.zeros(len(EXACT)), numpy.zeros(2), 0
    for record, (first, last), label in zip(bugs.records, bugs.spans, bugs.labels):
        if not select(record):
            continue
        count += 1
        if first == last:
            continue
        s = score(bugs, numpy.arange(first, last))
        if label >= 0:
            rank = int((s > s[label]).sum())
            exact += [rank < k for k in EXACT]
        best = {}
        for line, value in zip(bugs.lines[first:last], s):
            best[line] = max(value, best.get(line, -1e9))
        right = best.get(record["line"])
        if right is not None:
            rank = sum(value > right for value in best.values())
            local += [rank < 1, rank < 3]
    return [*(100 * exact / max(1, count)), *(100 * local / max(1, count))], count


def random_row(bugs):
    """Expected values for a random order."""
    exact, local = numpy.zeros(len(EXACT)), numpy.zeros(2)
    for record, (first, last), label in zip(bugs.records, bugs.spans, bugs.labels):
        n = last - first
        if label >= 0:
            exact += [min(1, k / n) for k in EXACT]
        lines = bugs.lines[first:last]
        share = float((lines == record["line"]).mean()) if n else 0
        local += [share, min(1, 3 * share)]
    return [*(100 * exact / len(bugs.records)), *(100 * local / len(bugs.records))]


def fnv1a(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return value


def write_weights(path, bugs, standard, model):
    """Replaces the weights section of the table file (see tools/edits/weights.h)."""
    data = path.read_bytes()
    magic, ngram_bytes, _, ngram_sum, _ = struct.unpack("<8sQQQQ", data[:40])
    if magic != b"CORVTAB1":
        raise SystemExit(f"{path} is no table file")
    names = "".join(n + "\n" for n in bugs.names).encode()
    p = model.p
    parts = [standard.mean, standard.scale, p["linear"], p["bias"], p["w"], p["kind"], p["b"], p["out"]]
    weights = struct.pack("<4I", len(bugs.feature_names), len(bugs.kind_names), model.hidden, len(names)) + names
    weights += b"".join(numpy.ascontiguousarray(part, "<f4").tobytes() for part in parts)
    header = struct.pack("<8sQQQQ", magic, ngram_bytes, len(weights), ngram_sum, fnv1a(weights))
    path.write_bytes(header + data[40:40 + ngram_bytes] + weights)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--fit", required=True, nargs="+")
    arguments.add_argument("--test", nargs="+", help="made bugs")
    arguments.add_argument("--report", nargs="+", help="changes that people made")
    arguments.add_argument("--real", type=float, default=2.0, help="weight of a change that people made")
    arguments.add_argument("--flat", type=float, default=0.5, help="share of the flat prior over kinds of bugs")
    arguments.add_argument("--tables", type=pathlib.Path)
    arguments.add_argument("--hidden", type=int, default=24)
    arguments.add_argument("--models", type=int, default=1, help="so many are fitted, and their scores averaged")
    arguments.add_argument("--epochs", type=int, default=12)
    arguments.add_argument("--rate", type=float, default=0.01)
    arguments.add_argument("--decay", type=float, default=3e-4)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--limit", type=int, help="fit on so many bugs only")
    arguments.add_argument("--brief", action="store_true", help="without the rows of the ablation")
    options = arguments.parse_args()
    bugs = Bugs(options.fit, options.limit)
    standard = Standard(bugs.features)
    tests = {name: Bugs(prefixes) for name, prefixes in (("made", options.test), ("real", options.report)) if prefixes}
    print(f"fit on {len(bugs.labels)} bugs, {sum(map(is_real, bugs.records))} of them real")
    for name, test in tests.items():
        reach = 100 * sum(label >= 0 for label in test.labels) / len(test.labels)
        print(f"tested on {len(test.labels)} {name} ones; reachable {reach:.1f} %, "
              f"{len(test.lines) / len(test.labels):.0f} candidates per function")
    print("| order | @1 | @4 | @16 | @64 | loc@1 | loc@3 |\n|---|---|---|---|---|---|---|")

    def row(name, score):
        for which, test in tests.items():
            values = evaluate(test, score)[0]
            print(f"| {name}, {which} | " + " | ".join(f"{v:.1f}" for v in values) + " |", flush=True)

    if not options.brief:
        for which, test in tests.items():
            print(f"| random, {which} | " + " | ".join(f"{v:.1f}" for v in random_row(test)) + " |")
        column = bugs.feature_names.index
        row("likelihood ratio of the mixture", lambda b, r: b.features[r, column("lr_mix")])
        row("the same, per token", lambda b, r: b.features[r, column("lr_mix_mean")])
        row("kind alone", fit(bugs, standard, options, 0, columns=[])[0])
        row("linear, without kind", fit(bugs, standard, options, 0, with_kinds=False)[0])
        row("linear", fit(bugs, standard, options, 0)[0])
    score, model = fit_several(bugs, standard, options)
    row(f"hidden layer of {model.hidden}", score)
    for which, test in tests.items():
        for kind in sorted({r["kind"] for r in test.records}):
            values, count = evaluate(test, score, lambda r, kind=kind: r["kind"] == kind)
            print(f"  {kind:24} {count:4}  @1 {values[0]:5.1f}  @16 {values[2]:5.1f}  @64 {values[3]:5.1f}")
    if options.tables:
        write_weights(options.tables, bugs, standard, model)
        print(f"weights written to {options.tables}")


if __name__ == "__main__":
    main()
