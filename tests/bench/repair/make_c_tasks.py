"""Makes candidates of C and C++ tasks from the packages of c_packages.toml:
WORK/bench/candidates-*.jsonl, which `make_tasks.py join` takes into tasks.jsonl.

    python3 make_c_tasks.py [--per-package N] [--packages NAME ...] [--work DIR] [--seed N]
                            [--program PATH/fledgling_functions]
    python3 make_c_tasks.py --older DIR --packages NAME ...    real ones; DIR: an unpacked release

A task is a mutation (examples/fledgling/mutate_c.py) of a line that the tests execute (gcov says
which), that builds without mixing up pointers and makes the check fail twice, in processor time not
far from what the whole check takes. Each task of a package has a line of its own, and as far as
there are enough, a kind of its own. What is found depends on the seed alone. A real one has one
line put back to what it was in the release in DIR. CC and CXX may name ccache.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile

import prepare
from prepare import fetch

import extract_c
import make_tasks
import mutate_c

TRIED, SLOWER, WALL_SECONDS = 60, 4.0, 300
PROGRAM = prepare.HERE.parents[2] / "build/release/examples/fledgling_functions"


def checked(folder):
    """(exit status, output, processor seconds) of the check."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    begin = used()
    status, output = prepare.run_check(folder, make_tasks.C_CHECK, WALL_SECONDS)
    return status, output, used() - begin


def executed(folder, sources):
    """{file: lines that the check executes}."""
    environment = os.environ | {"CC": "cc", "CXX": "c++", "CFLAGS": "--coverage"}
    run = {"cwd": folder, "env": environment, "capture_output": True}
    subprocess.run(["sh", "check.sh"], check=True, **run)
    names = sorted(p.name for p in (folder / "build").glob("*.gcda"))
    command = ["gcov", "--json-format", "--stdout", *names]
    output = subprocess.run(command, check=True, **(run | {"cwd": folder / "build"})).stdout
    shutil.rmtree(folder / "build")
    found = {file: set() for file in sources}
    for document in output.splitlines():
        for file in json.loads(document)["files"]:
            path = os.path.normpath(folder / "build" / ".." / file["file"])
            path = os.path.relpath(path, folder)
            if path in found:
                found[path] |= {n["line_number"] for n in file["lines"] if n["count"]}
    return found


def source_of(options):
    return "real" if options.older else "synthetic"


def sources_of(folder, entry):
    """The files that may be broken."""
    found = (p for pattern in entry["sources"] for p in folder.glob(pattern))
    return sorted(p.relative_to(folder).as_posix() for p in found)


def text_of(file):
    """The text of a file; put_line puts carriage returns back."""
    return file.read_bytes().decode(errors="surrogateescape").replace("\r\n", "\n")


def bugs_of(folder, entry, options):
    """(file, function, bug) of every function that the tests execute, in an order of the seed."""
    sources = sources_of(folder, entry)
    lines_run = executed(folder, sources)
    found, texts = [], {}
    for record in extract_c.listed(options.program, folder, sources):
        file, function = record.pop("file"), record.pop("qualname")
        if file not in texts:
            text = text_of(folder / file)
            texts[file] = text.split("\n"), mutate_c.file_names(text)
        chance = random.Random(f"{options.seed} {file} {function} {record['first_line']}")
        for bug in mutate_c.bugs_of(record, *texts[file], chance, 4, lines_run[file]):
            found.append((file, function, bug))
    return found


def tokens_of(text):
    """The tokens of a line or a file, each string as one that says nothing."""
    tokens = mutate_c.tokens_of(text.split("\n"), 1)
    return ['""' if t.kind == "string" else t.text for t in tokens]


def changes_of(folder, entry, options):
    """(file, function, bug) of the lines of functions that the release unpacked in options.older
    had otherwise, without names that are no more.
    """
    sources, found = sources_of(folder, entry), []
    lines_run = executed(folder, sources)
    functions = extract_c.listed(options.program, folder, sources)
    for file in sources:
        if not (options.older / file).exists():
            continue
        old, new = text_of(options.older / file), text_of(folder / file)
        known = set(tokens_of(new))
        for line, was, now in make_tasks.changed_lines(old, new):
            names = [
                f["qualname"] for f in functions
                if f["file"] == file and f["first_line"] < line <= f["last_line"]
            ]
            differs = tokens_of(was) != tokens_of(now) and set(tokens_of(was)) <= known
            if names and differs and line in lines_run[file]:
                bug = {"line": line, "buggy": was, "correct": now, "deleted": False}
                found.append((file, names[0], bug | {"kind": "real"}))
    return found


def tasks_of(name, entry, cache, options, before):
    """The tasks of one package beside `before`, up to --per-package in all."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary).resolve() / "task"
        prepare.lay_out_c(prepare.c_source(name, entry, cache), entry, folder)
        bugs = (changes_of if options.older else bugs_of)(folder, entry, options)
        random.Random(f"{options.seed} {name}").shuffle(bugs)
        status, output, whole = checked(folder)
        status, output, whole = checked(folder)
        if status != 0:
            print(f"{name}: the check gives {status}: {output[-300:]}", file=sys.stderr)
            return
        places = {(t["file"], t["line"]) for t in before}
        kinds = [t["kind"] for t in before]
        suite = make_tasks.C_CHECK, ["check.sh", *entry["tests"]]
        # A bug of a kind that the package has comes after those of other kinds.
        found, tried, later = len(before), 0, []
        for turn in (bugs, later):
            for file, function, bug in turn:
                if found == options.per_package or tried == TRIED:
                    break
                if (file, bug["line"]) in places:
                    continue
                if turn is bugs and bug["kind"] in kinds:
                    later.append((file, function, bug))
                    continue
                tried += 1
                task = make_tasks.task_of(
                    source_of(options), name, entry["version"], entry["licence"], file, suite,
                    function, bug,
                )
                if is_failing(folder, task, whole):
                    found += 1
                    kinds.append(bug["kind"])
                    places.add((file, bug["line"]))
                    yield task
        print(f"{name}: {found} tasks of {tried} bugs", file=sys.stderr, flush=True)


def is_failing(folder, task, whole):
    """Whether the bug builds and the check then fails twice, in its time; the folder is left
    correct.
    """
    prepare.break_it(folder, task)
    try:
        for _ in range(2):
            status, output, seconds = checked(folder)
            if status in (0, None) or seconds > SLOWER * whole + 5:
                return False
            if ": error: " in output or "CPU time limit" in output:
                return False
        return True
    finally:
        prepare.repair_it(folder, task)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=fetch.DEFAULT_WORK)
    arguments.add_argument("--per-package", type=int, default=10)
    arguments.add_argument("--packages", nargs="*")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--older", type=pathlib.Path)
    arguments.add_argument("--program", type=pathlib.Path, default=PROGRAM)
    options = arguments.parse_args()
    bench = (options.work / "bench").resolve()
    bench.mkdir(parents=True, exist_ok=True)
    candidates = bench / f"candidates-{source_of(options)}.jsonl"
    # Strict where C is lax, so that no bug is one that the compiler would have named.
    os.environ["WARNINGS"] = "-Wno-all -Werror=int-conversion -Werror=incompatible-pointer-types"
    os.environ["CFLAGS"] = ""
    entries = prepare.c_packages()
    for name, entry in entries.items():
        if name not in (options.packages or [n for n in entries if "like" not in entries[n]]):
            continue
        there = {make_tasks.line_of(t): t for t in prepare.tasks()}
        there |= {make_tasks.line_of(t): t for t in make_tasks.read(candidates) if t.get("file")}
        before = [t for t in there.values() if t["package"] == name]
        before = [t for t in before if t["source"] == source_of(options)]
        for task in tasks_of(name, entry, bench / "sdists", options, before):
            make_tasks.append(candidates, [task])


if __name__ == "__main__":
    main()
