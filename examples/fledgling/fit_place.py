"""Fits the weights of place (tools/edits/place.inc) and prints them.

A conditional logit over all candidates of a project: score = score within the unit + unit terms . u
+ line terms . l. Tasks count the same; the right repair's probability is maximised by L-BFGS with a
pull towards the weights that stand in place.inc. Prints ranks as exact@K, all tasks in the
denominator: of the weights as they stand, of a fit on other packages than those it is tested on
(four folds), and of the fit.

    python3 fit_place.py --fit PREFIX... [--pull 0.03] [--write]

With --write the weights also go into place.inc, and the next fit is pulled towards them. PREFIX is
what `fledgling_place features` wrote. Needs numpy only.
"""

import argparse
import json
import pathlib
import re

import numpy

INC = pathlib.Path(__file__).resolve().parents[2] / "tools" / "edits" / "place.inc"
TERM = re.compile(r"^PLACE_(UNIT|LINE)\((\w+), (-?[\d.]+)f?\)$", re.M)
EXACT = (1, 4, 16, 64, 256)
# What no failing test runs is not among the candidates; it keeps its weight.
FIXED = {"not_executed"}


class Task:
    def __init__(self, record, groups, candidates):
        self.record, self.groups, self.label = record, groups, record["label"]
        self.within, self.group = candidates[:, 0], candidates[:, 1].astype(int)
        # Candidates of one line share its terms: their scores are summed up once.
        top = self.within.max()
        with numpy.errstate(divide="ignore"):
            sums = numpy.bincount(self.group, numpy.exp(self.within - top), len(groups))
            self.sums = numpy.log(sums) + top

    def scores(self, weights):
        return self.within + (self.groups @ weights)[self.group]

    def loss(self, weights):
        """Negative log-probability of the right candidate, and its gradient."""
        s = self.groups @ weights
        p = numpy.exp(s + self.sums - (s + self.sums).max())
        total = numpy.log(p.sum()) + (s + self.sums).max()
        right = self.group[self.label]
        p /= p.sum()
        p[right] -= 1
        return total - s[right] - self.within[self.label], p @ self.groups


def read(prefixes, width):
    tasks = []
    for prefix in prefixes:
        groups = numpy.fromfile(prefix + ".groups", "<f4").reshape(-1, width)
        candidates = numpy.fromfile(prefix + ".cand", "<f4").reshape(-1, 2)
        g = c = 0
        for line in open(prefix + ".jsonl"):
            record = json.loads(line)
            n, m = record["groups"], record["candidates"]
            tasks.append(Task(record, groups[g : g + n], candidates[c : c + m]))
            g, c = g + n, c + m
    return tasks


def minimise(function, x, steps=120, memory=10):
    """L-BFGS with backtracking."""
    value, gradient = function(x)
    past = []
    for _ in range(steps):
        q = gradient.copy()
        alphas = []
        for s, y in reversed(past):
            a = (s @ q) / (s @ y)
            alphas.append(a)
            q -= a * y
        if past:
            s, y = past[-1]
            q *= (s @ y) / (y @ y)
        else:
            q /= max(1.0, numpy.abs(q).max())
        for (s, y), a in zip(past, reversed(alphas)):
            q += (a - (y @ q) / (s @ y)) * s
        step = 1.0
        while True:
            tried = x - step * q
            new_value, new_gradient = function(tried)
            if new_value <= value - 1e-4 * step * (q @ gradient) or step < 1e-6:
                break
            step /= 2
        s, y = tried - x, new_gradient - gradient
        done = value - new_value < 1e-6
        x, value, gradient = tried, new_value, new_gradient
        if s @ y > 1e-10:
            past = [*past, (s, y)][-memory:]
        if done:
            break
    return x, value


def fit(tasks, start, free, pull):
    usable = [t for t in tasks if t.label >= 0]

    def function(x):
        weights = start.copy()
        weights[free] = x
        loss, gradient = 0.0, numpy.zeros_like(start)
        for task in usable:
            one, g = task.loss(weights)
            loss += one
            gradient += g
        away = x - start[free]
        return (
            loss / len(usable) + pull * (away @ away),
            gradient[free] / len(usable) + 2 * pull * away,
        )

    x, value = minimise(function, start[free].copy())
    weights = start.copy()
    weights[free] = x
    return weights, value


def ranks(tasks, weights):
    out = []
    for task in tasks:
        s = task.scores(weights)
        out.append(int((s > s[task.label]).sum()) + 1 if task.label >= 0 else 1 << 30)
    return out


def row(name, found):
    share = [100 * sum(r <= k for r in found) / max(1, len(found)) for k in EXACT]
    print(f"| {name} | " + " | ".join(f"{v:.1f}" for v in share) + " |", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--fit", nargs="+", required=True)
    arguments.add_argument("--pull", type=float, default=0.03)
    arguments.add_argument("--without", nargs="*", default=[], help="terms that keep weight 0")
    arguments.add_argument("--write", action="store_true", help="into place.inc")
    options = arguments.parse_args()
    text = INC.read_text()
    terms = TERM.findall(text)
    names = [t[1] for t in terms]
    start = numpy.array([float(t[2]) for t in terms])
    free = numpy.array([n not in FIXED and n not in options.without for n in names])
    tasks = read(options.fit, len(terms))
    reach = sum(t.label >= 0 for t in tasks)
    packages = sorted({t.record["package"] for t in tasks})
    mean = numpy.mean([t.record["candidates"] for t in tasks])
    print(f"{len(tasks)} tasks of {len(packages)} packages, {reach} of them reachable,")
    print(f"{mean:.0f} candidates each")
    print("| weights | " + " | ".join(f"@{k}" for k in EXACT) + " |\n|---|" + "---|" * len(EXACT))
    row("as they stand", ranks(tasks, start))
    found = []
    for fold in range(4):
        test = {p for i, p in enumerate(packages) if i % 4 == fold}
        others = [t for t in tasks if t.record["package"] not in test]
        weights, _ = fit(others, start, free, options.pull)
        found += ranks([t for t in tasks if t.record["package"] in test], weights)
    row("fitted on other packages", found)
    weights, value = fit(tasks, start, free, options.pull)
    row("fitted", ranks(tasks, weights))
    print(f"loss {value:.3f}")
    fitted = dict(zip(names, weights))

    def put(match):
        value = f"{fitted[match[2]]:.2f}".rstrip("0").rstrip(".")
        value = "0" if value == "-0" else value
        return f"PLACE_{match[1]}({match[2]}, {value}{'f' if '.' in value else ''})"

    new = TERM.sub(put, text)
    print("\n".join(m.group(0) for m in TERM.finditer(new)))
    if options.write:
        INC.write_text(new)


if __name__ == "__main__":
    main()
