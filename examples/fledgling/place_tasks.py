"""Makes the tasks that the weights of place are fitted on: WORK/place/tasks.jsonl and
WORK/place/tasks/ID, one broken package with its tests per line.

    python3 place_tasks.py --packages NAME... [--per-package N] [--work DIR]

Packages are of the roles ranker and network, never heldout or tables. The tests run with the
`python3` that PATH finds first; it needs pytest and what the packages import. A check that stops
at its first failure and one that goes on take turns.
"""

import argparse
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

REPAIR = pathlib.Path(__file__).resolve().parents[2] / "tests" / "bench" / "repair"
sys.path.insert(0, str(REPAIR))

import make_tasks  # noqa: E402
import prepare  # noqa: E402  (also makes this folder importable)

import extract  # noqa: E402
import fetch  # noqa: E402
import mutate  # noqa: E402

SECONDS, TRIED = 120, 60
FAILURES = (OSError, ValueError, LookupError, StopIteration, subprocess.SubprocessError)


def goes_on(check):
    """The check without its option to stop at the first failure."""
    return re.sub(r" -[xf]\b", "", check, count=1)


def made(work):
    """The tasks that are there."""
    file = work / "tasks.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def tasks_of(entry, work, count, seed):
    """Tasks of one package beside those that are there; each is left broken in its folder."""
    name = entry["name"]
    before = [t for t in made(work) if t["package"] == name]
    source = prepare.sdist(name, entry["version"], work / "sdists")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "task"
        prepare.lay_out(source, folder)
        # The first task of a package has its check as suite_of made it.
        suite = (before[0]["check"], before[0]["tests"]) if before else make_tasks.suite_of(folder)
        if suite is None:
            return
        records = list(extract.extract(source, source.parent))
        records = [r for r in records if (folder / prepare.path_in_task(r["path"])).exists()]
        random.Random(f"{seed} {name}").shuffle(records)
        kinds, started = set(), time.monotonic()
        used = {(t["file"], t["line"]) for t in before}
        for record in records[:TRIED]:
            if len(kinds) == count or time.monotonic() - started > SECONDS:
                break
            for bug in mutate.bugs_of(source.parent, [record], seed, 3):
                if bug["kind"] in kinds or bug["kind"] == "identity":
                    continue
                task = make_tasks.task_of(
                    "place", name, entry["version"], entry["licence"],
                    prepare.path_in_task(record["path"]), suite, record["qualname"], bug,
                )
                if (task["file"], task["line"]) in used:
                    continue
                if make_tasks.killed(folder, task)[0]:
                    kinds.add(bug["kind"])
                    number = len(before) + len(kinds)
                    task["id"] = f"place-{name}-{number}"
                    if number % 2 == 0:
                        task["check"] = goes_on(task["check"])
                    target = work / "tasks" / task["id"]
                    shutil.rmtree(target, ignore_errors=True)
                    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__"))
                    prepare.break_it(target, task)
                    yield task
                break


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--packages", nargs="+", required=True)
    arguments.add_argument("--per-package", type=int, default=6)
    arguments.add_argument("--work", type=pathlib.Path, default=fetch.DEFAULT_WORK)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    work = (options.work / "place").resolve()
    work.mkdir(parents=True, exist_ok=True)
    entries = {e["name"]: e for e in fetch.packages()}
    for name in options.packages:
        entry = entries[name]
        if not {"heldout", "tables"}.isdisjoint(entry["roles"]):
            sys.exit(f"{name} is held out or counted in the tables")
        count = 0
        try:
            for task in tasks_of(entry, work, options.per_package, options.seed):
                count += 1
                with open(work / "tasks.jsonl", "a") as out:
                    out.write(json.dumps(task) + "\n")
        except FAILURES as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"{name}: {count} tasks", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
