#!/usr/bin/env python3
"""Scores a run over the questions of this set, as the scorers of LoCoMo and LongMemEval do.

    python3 score.py RUN.jsonl

A line of the run is {"qid", "ranking": [turn ids], "packed": [turn ids], "score": 0..1}. R@k is the
share of a question's cited turns among the first k; full@N, that all of them lie within the first
N tokens of the ranking (a line "DATE SPEAKER: TEXT" costs a token for each four bytes); packed,
that all of them stand in the context that the program packed; AUROC, how well `score` tells
questions that have an answer from those that have none. `tune` is for choosing rules, `report` for
reporting."""
import json
import math
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS = ("R@5", "R@10", "nDCG@10", "full@1k", "full@2k", "full@4k", "packed")


def read_lines(path):
    return [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]


def measure(line, evidence, cost):
    ranking = list(dict.fromkeys(line.get("ranking", [])))
    gold = set(evidence)
    gain = [turn in gold for turn in ranking]
    values = {"R@%d" % k: sum(gain[:k]) / len(gold) for k in (5, 10)}
    ideal = sum(1 / math.log2(i + 2) for i in range(min(10, len(gold))))
    values["nDCG@10"] = sum(hit / math.log2(i + 2) for i, hit in enumerate(gain[:10])) / ideal
    spent, ends = 0, {}
    for turn in ranking:
        spent += cost[turn]
        ends[turn] = spent
    for budget in (1, 2, 4):
        values["full@%dk" % budget] = all(ends.get(t, math.inf) <= 1000 * budget for t in gold)
    values["packed"] = gold <= set(line.get("packed", []))
    return values


def auroc(answerable, absent):
    if not answerable or not absent:
        return float("nan")
    wins = sum((a > b) + (a == b) / 2 for a in answerable for b in absent)
    return wins / len(answerable) / len(absent)


def main():
    run = {line["qid"]: line for line in read_lines(sys.argv[1])}
    cost = {}
    for turn in read_lines(HERE / "turns.jsonl"):
        text = "%s %s: %s\n" % (turn["when"][:10], turn["speaker"], turn["text"])
        cost[turn["conv"], turn["id"]] = -(-len(text.encode()) // 4)
    rows, scores = {}, {}
    for question in read_lines(HERE / "questions.jsonl"):
        line = run.get(question["qid"], {})
        half = question["half"]
        scores.setdefault((half, bool(question["evidence"])), []).append(line.get("score", 0.0))
        if not question["evidence"]:
            continue
        costs = {id: value for (conv, id), value in cost.items() if conv == question["conv"]}
        values = measure(line, question["evidence"], costs)
        for group in ((half, "all"), (half, question["type"])):
            rows.setdefault(group, []).append(values)
    print("| half | type | n | %s |" % " | ".join(COLUMNS))
    print("|%s" % ("---|" * (len(COLUMNS) + 3)))
    groups = sorted(rows, key=lambda group: (group[0], group[1] != "all", group[1]))
    for half, kind in groups:
        found = rows[half, kind]
        means = (100 * sum(values[name] for values in found) / len(found) for name in COLUMNS)
        cells = " | ".join("%.1f" % mean for mean in means)
        print("| %s | %s | %d | %s |" % (half, kind, len(found), cells))
    for half in sorted({half for half, _ in scores}):
        print("%s: %d questions without an answer, AUROC %.3f" % (
            half, len(scores.get((half, False), [])),
            auroc(scores.get((half, True), []), scores.get((half, False), []))))


if __name__ == "__main__":
    main()
