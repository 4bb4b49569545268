"""Makes candidates of C and C++ tasks from the packages of c_packages.toml:
WORK/bench/candidates-synthetic.jsonl, which `make_tasks.py join` takes into tasks.jsonl.

    python3 make_c_tasks.py [--per-package N] [--packages NAME ...] [--work DIR] [--seed N]
                            [--program PATH/fledgling_functions]

A task is a mutation (examples/fledgling/mutate_c.py) of a line that the tests execute (gcov says
which), that builds without mixing up pointers and makes the check fail twice, in processor time not
far from what the whole check takes. Each task of a package has a line of its own, and as far as there are enough, a
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


def bugs_of(folder, entry, options):
    """(file, function, bug) of every function that the tests execute, in an order of the seed."""
    sources = sorted(
        p.relative_to(folder).as_posix()
        for pattern in entry["sources"]
        for p in folder.glob(pattern)
    )
    lines_run = executed(folder, sources)
    found, texts = [], {}
    for record in extract_c.listed(options.program, folder, sources):
        file, function = record.pop("file"), record.pop("qualname")
        if file not in texts:
            text = (folder / file).read_bytes().decode(errors="surrogateescape")
            text = text.replace("\r\n", "\n")  # put_line puts line ends back
            texts[file] = text.split("\n"), mutate_c.file_names(text)
        chance = random.Random(f"{options.seed} {file} {function} {record['first_line']}")
        for bug in mutate_c.bugs_of(record, *texts[file], chance, 4, lines_run[file]):
            found.append((file, function, bug))
    return found


def tasks_of(name, entry, cache, options, before):
    """The tasks of one package beside `before`, up to --per-package in all."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary).resolve() / "task"
        prepare.lay_out_c(prepare.c_source(name, entry, cache), entry, folder)
        bugs = bugs_of(folder, entry, options)
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
                    "synthetic", name, entry["version"], entry["licence"], file, suite, function, bug
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
    arguments.add_argument("--program", type=pathlib.Path, default=PROGRAM)
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
