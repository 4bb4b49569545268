#!/usr/bin/env python3
"""Retrieval benchmarks of memory through the command line: `corvid memory import`, then
`corvid memory search --batch`, one store per conversation (LoCoMo) or question (LongMemEval). The
question, and its date where the set has one, is all that the program is given.

    python3 tests/bench/memory/run.py locomo --bench ../shared/bench --corvid build/release/corvid
    python3 tests/bench/memory/run.py longmemeval --bench ../shared/bench --every 8 --embedder none
    python3 tests/bench/memory/run.py coding --embedder minilm.gguf --stores .work/stores

Prints the report of the set's own scorer. --every N takes each N-th question of LongMemEval.
--stores keeps the stores, so that a further run with the same embedder need not import again. The
data of LoCoMo and LongMemEval may be used for measuring only and must not be copied into this tree;
`coding` (see coding/README.md) is part of it."""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def locomo(folder):
    """Yields (name, turns, questions) of each conversation."""
    turns = {}
    for line in read_lines(os.path.join(folder, "turns.jsonl")):
        text = line["text"]
        if line.get("caption"):
            text += " [image: %s]" % line["caption"]
        turns.setdefault(line["conv"], []).append(
            {"session": str(line["session"]), "id": line["id"], "speaker": line["speaker"],
             "when": line["when"], "text": text})
    asked = {}
    for line in read_lines(os.path.join(folder, "questions.jsonl")):
        asked.setdefault(line["conv"], []).append({"qid": line["qid"], "text": line["text"]})
    for name in turns:
        yield name, turns[name], asked.get(name, [])


def coding(folder):
    turns, asked = {}, {}
    for line in read_lines(os.path.join(folder, "turns.jsonl")):
        turns.setdefault(line.pop("conv"), []).append(line)
    for line in read_lines(os.path.join(folder, "questions.jsonl")):
        asked.setdefault(line["conv"], []).append(
            {"qid": line["qid"], "text": line["text"], "at": line["at"]})
    for name in turns:
        yield name, turns[name], asked[name]


def longmemeval(folder):
    sessions = dict(read_lines(os.path.join(folder, "sessions.jsonl")))
    for line in read_lines(os.path.join(folder, "questions.jsonl")):
        turns = []
        for number, (session, when) in enumerate(line["haystack"]):
            # The given ids tell which sessions hold the answer: they stay outside.
            for index, (role, text) in enumerate(sessions[session]):
                role = "user" if role == "u" else "assistant"
                turns.append({"session": "s%d" % number, "id": "s%d#%d" % (number, index),
                              "real": "%s#%d" % (session, index), "speaker": role, "role": role,
                              "when": when, "text": text})
        yield line["qid"], turns, [{"qid": line["qid"], "text": line["text"], "at": line["date"]}]


def run(program, arguments, store, environment, what):
    command = [program, "memory", "--store", store, "--embedder", arguments.embedder] + what
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit("%s: %s" % (" ".join(command), done.stderr))
    return done.stdout


def answer(arguments, store, turns, asked, environment):
    """Rankings of one store, in the scorers' format."""
    with tempfile.TemporaryDirectory() as place:
        real = {turn["id"]: turn.pop("real", turn["id"]) for turn in turns}
        write_lines(os.path.join(place, "turns.jsonl"), turns)
        write_lines(os.path.join(place, "asked.jsonl"), asked)
        if not os.path.isdir(store):
            run(arguments.corvid, arguments, store, environment,
                ["import", "--format", "turns", os.path.join(place, "turns.jsonl"), "--json"])
        out = run(arguments.corvid, arguments, store, environment,
                  ["search", "--batch", os.path.join(place, "asked.jsonl"), "--json",
                   "--limit", "300"])
        for line in map(json.loads, filter(str.strip, out.split("\n"))):
            packed = set(re.findall(r"^\[(t\d+) ", line["context"], re.M))
            yield {"qid": line["qid"], "score": line["support"], "ms": line["ms"],
                   "ranking": [real[id] for hit in line["hits"] for id in hit["turns"]],
                   "packed": [real[id] for hit in line["hits"] if hit["id"] in packed
                              for id in hit["turns"]]}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=["locomo", "longmemeval", "coding"])
    parser.add_argument("--bench", default=os.path.join(ROOT, "..", "shared", "bench"))
    parser.add_argument("--corvid", default=os.path.join(ROOT, "build", "release", "corvid"))
    parser.add_argument("--embedder", default="built-in")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--out", default="", help="keep the rankings here")
    parser.add_argument("--stores", default="", help="keep the stores here")
    arguments = parser.parse_args()
    if arguments.stores:
        os.makedirs(arguments.stores, exist_ok=True)
    folder = os.path.join(os.path.abspath(arguments.bench), arguments.set)
    if arguments.set == "coding":
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "coding")
    if not os.path.isdir(folder):
        print("SKIP: no benchmark data at", folder)
        return
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryDirectory() as place:
        for name in ("CONFIG", "DATA", "CACHE"):
            environment["XDG_%s_HOME" % name] = os.path.join(place, name)
        data = folder
        if arguments.set != "coding":
            loader = "locomo.py" if arguments.set == "locomo" else "lme.py"
            data = os.path.join(place, "data")
            subprocess.run([sys.executable, loader, data], cwd=folder, env=environment, check=True,
                           stdout=subprocess.DEVNULL)
        read = {"locomo": locomo, "longmemeval": longmemeval, "coding": coding}[arguments.set]
        stores = list(read(data))
        scorer = [sys.executable, "score.py"]
        if arguments.set == "longmemeval" and arguments.every > 1:
            scored = [store for store in stores if not store[0].endswith("_abs")]
            stores = scored[::arguments.every]
            scorer += ["--every", str(arguments.every)]
        lines = []
        for number, (name, turns, asked) in enumerate(stores):
            with tempfile.TemporaryDirectory() as kept:
                store = os.path.join(os.path.abspath(arguments.stores or kept),
                                     "%s-%s" % (arguments.set, name))
                lines += answer(arguments, store, turns, asked, environment)
            print("\r%d of %d" % (number + 1, len(stores)), end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        runs = arguments.out or os.path.join(place, "run.jsonl")
        write_lines(runs, lines)
        times = sorted(line["ms"] for line in lines)
        print("%d questions to %d stores, query %.2f ms median, %.2f ms p95" %
              (len(lines), len(stores), statistics.median(times), times[int(len(times) * .95)]))
        subprocess.run(scorer + [os.path.abspath(runs)], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
