"""Makes candidates of C and C++ tasks from the packages of c_packages.toml:
WORK/bench/candidates-synthetic.jsonl, which `make_tasks.py join` takes into tasks.jsonl.

    python3 make_c_tasks.py [--per-package N] [--packages NAME ...] [--work DIR] [--seed N]

A task is a mutation (c_bugs.py) of a line that the tests execute (gcov says which), that builds
without mixing up pointers and makes the check fail twice, in processor time not far from what the
whole check takes. Each task of a package has a line of its own, and as far as there are enough, a
kind of its own. What is found depends on the seed alone. CC and CXX may name ccache.
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

import c_bugs
import make_tasks

TRIED, SLOWER, WALL_SECONDS = 60, 4.0, 300


def checked(folder):
    """(exit status, output, processor seconds) of the check."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    begin = used()
    status, output = prepare.run_check(folder, "sh check.sh", WALL_SECONDS)
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


def bugs_of(folder, entry, seed):
    """(file, function, bug) of every function that the tests execute, in an order of the seed."""
    sources = sorted(
        p.relative_to(folder).as_posix()
        for pattern in entry["sources"]
        for p in folder.glob(pattern)
    )
    lines_run = executed(folder, sources)
    found = []
    for file in sources:
        text = (folder / file).read_bytes().decode(errors="surrogateescape")
        text = text.replace("\r\n", "\n")  # put_line puts line ends back
        lines, tokens = text.split("\n"), c_bugs.lexed(text)
        for function in c_bugs.functions_of(tokens):
            name = f"{seed} {file} {function[0]} {tokens[function[2]].line}"
            sites = c_bugs.Sites(tokens, lines, function).found
            source = random.Random(name)
            for bug in c_bugs.mutations(sites, lines, source, 4, lines_run[file]):
                found.append((file, function[0], bug))
    return found


def tasks_of(name, entry, cache, options, before):
    """The tasks of one package beside `before`, up to --per-package in all."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary).resolve() / "task"
        prepare.lay_out_c(prepare.c_source(name, entry, cache), entry, folder)
        bugs = bugs_of(folder, entry, options.seed)
        random.Random(f"{options.seed} {name}").shuffle(bugs)
        status, output, whole = checked(folder)
        status, output, whole = checked(folder)
        if status != 0:
            print(f"{name}: the check gives {status}: {output[-300:]}", file=sys.stderr)
            return
        places = {(t["file"], t["line"]) for t in before}
        kinds = [t["kind"] for t in before]
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
                task = task_of(name, entry, file, function, bug)
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


def task_of(name, entry, file, function, bug):
    task = {
        "id": None,
        "package": name,
        "version": entry["version"],
        "licence": entry["licence"],
        "source": "synthetic",
        "file": file,
        "line": bug["line"],
        "buggy": bug["buggy"],
        "correct": bug["correct"],
        "deleted": bug["deleted"],
        "kind": bug["kind"],
        "function": function,
        "check": "sh check.sh",
        "tests": ["check.sh", *entry["tests"]],
        "needs": ["c++"],
    }
    return task | ({"extra": True} if bug.get("extra") else {})


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=fetch.DEFAULT_WORK)
    arguments.add_argument("--per-package", type=int, default=10)
    arguments.add_argument("--packages", nargs="*")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    bench = (options.work / "bench").resolve()
    bench.mkdir(parents=True, exist_ok=True)
    candidates = bench / "candidates-synthetic.jsonl"
    # Strict where C is lax, so that no bug is one that the compiler would have named.
    os.environ["WARNINGS"] = "-Wno-all -Werror=int-conversion -Werror=incompatible-pointer-types"
    os.environ["CFLAGS"] = ""
    for name, entry in prepare.c_packages().items():
        if options.packages and name not in options.packages:
            continue
        there = {make_tasks.line_of(t): t for t in prepare.tasks()}
        there |= {make_tasks.line_of(t): t for t in make_tasks.read(candidates) if t.get("file")}
        before = [t for t in there.values() if t["package"] == name]
        for task in tasks_of(name, entry, bench / "sdists", options, before):
            make_tasks.append(candidates, [task])


if __name__ == "__main__":
    main()
