"""Makes tasks.jsonl from the held-out packages of examples/fledgling/packages.toml and from pairs
of their releases.

    python3 make_tasks.py synthetic [--per-package N] [--packages NAME ...]
    python3 make_tasks.py real CHAINS      CHAINS: a JSON file {package: [versions, newest first]}
    python3 make_c_tasks.py                [--per-package N] [--packages NAME ...]
    python3 make_tasks.py join [--withdraw ID ...]

`synthetic`, `real` and make_c_tasks.py, for C and C++, append to WORK/bench/candidates-*.jsonl;
they skip what they have been through. `join` adds those candidates to tasks.jsonl; tasks that are
there keep their ids. A synthetic task is a mutation (examples/fledgling/mutate.py, mutate_c.py)
that makes the package's tests fail. A real one is a release with one line put back to what it was
in the release before, which makes the newer release's own tests fail.
Tests run with the `python3` that PATH finds first; it needs pytest.
"""

import argparse
import ast
import difflib
import json
import pathlib
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings

import prepare
from prepare import fetch  # also makes examples/fledgling importable

import extract
import mutate

TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|tests?)\.py$")
SUITE_SECONDS, FILE_SECONDS, FILES = 5.0, 3.5, 30
TRIED_FIXES, TRIED_BUGS = 15, 40
PYTEST = "python3 -m pytest -q -x -p no:cacheprovider"
UNITTEST = "python3 -m unittest -q -f"
C_CHECK = "sh check.sh"
NEEDS = {PYTEST: "pytest", C_CHECK: "c++"}  # by how the check begins


def processor_seconds():
    """Processor time of all finished child processes, which other load on the machine does not
    lengthen.
    """
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def suite_of(folder, budget=45.0, files=None):
    """The tests of a laid-out package that pass quickly: (check command, test files), or None.

    Every test file is run by itself; those that pass within FILE_SECONDS are kept, the quickest
    first, until SUITE_SECONDS are full. Up to three failing tests of a file are deselected rather
    than losing the file.
    """
    found = []
    started = time.monotonic()
    if files is None:
        files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.py"))
        files = [f for f in files if TEST_FILE.search(f)]
    random.Random(1).shuffle(files)
    for file in files[:FILES]:
        if time.monotonic() - started > budget:
            break
        deselected = []
        for _ in range(2):
            begin = processor_seconds()
            arguments = " ".join([file, *(f"--deselect '{d}'" for d in deselected)])
            status, output = prepare.run_check(
                folder, f"{PYTEST.replace(' -x', '')} -rf {arguments}", 4 * FILE_SECONDS
            )
            seconds = processor_seconds() - begin
            failed = re.findall(r"^FAILED (.+?::[^\s]+)(?: - .*)?$", output, re.M)
            if status == 1 and len(failed) <= 3 and not any("[" in f or "'" in f for f in failed):
                deselected += failed
                continue
            break
        passed = re.search(r"(\d+) passed", output)
        if status == 0 and passed and seconds < FILE_SECONDS:
            found.append((seconds, file, deselected, int(passed[1])))
    kept, total = [], 0.0
    for item in sorted(found):
        if total + item[0] - 0.25 * bool(kept) < SUITE_SECONDS:
            kept.append(item)
            total += item[0]
    if not kept or sum(item[3] for item in kept) < 3:
        return None
    kept.sort(key=lambda item: item[1])
    tests = [item[1] for item in kept]
    deselected = [d for item in kept for d in item[2]]
    if not deselected:
        status, output = prepare.run_check(
            folder, f"{UNITTEST} {' '.join(tests)}", 3 * SUITE_SECONDS
        )
        ran = re.search(r"Ran (\d+) test", output)
        if status == 0 and ran and int(ran[1]) >= sum(item[3] for item in kept):
            return f"{UNITTEST} {' '.join(tests)}", tests
    command = " ".join([PYTEST, *tests, *(f"--deselect '{d}'" for d in deselected)])
    for _ in range(2):
        status, _ = prepare.run_check(folder, command, 2 * SUITE_SECONDS)
        if status != 0:
            return None
    return command, tests


def task_of(kind, package, version, licence, file, suite, function, bug):
    """One line of tasks.jsonl, but for its id."""
    check, tests = suite
    task = {
        "id": None,
        "package": package,
        "version": version,
        "licence": licence,
        "source": kind,
        "file": file,
        "line": bug["line"],
        "buggy": bug["buggy"],
        "correct": bug["correct"],
        "deleted": bug["deleted"],
        "kind": bug["kind"],
        "function": function,
        "check": check,
        "tests": tests,
        "needs": [need for begin, need in NEEDS.items() if check.startswith(begin)],
    }
    return task | ({"extra": True} if bug.get("extra") else {})


def killed(folder, task):
    """Whether the check fails, within its time, by a failing test while the bug is in; the folder
    is left correct.
    """
    prepare.break_it(folder, task)
    status, output = prepare.run_check(folder, task["check"], 4 * SUITE_SECONDS)
    prepare.repair_it(folder, task)
    return status == 1, output


def synthetic(cache, entry, per_package, seed, before):
    """Synthetic tasks of one package beside `before`, those that it has, up to per_package in all.

    Each has a line and a kind of its own.
    """
    source = prepare.sdist(entry["name"], entry["version"], cache)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "task"
        prepare.lay_out(source, folder)
        suite = (before[0]["check"], before[0]["tests"]) if before else suite_of(folder)
        if suite is None:
            print(f"{entry['name']}: no suite", file=sys.stderr)
            return
        records = [r for r in extract.extract(source, source.parent)]
        records = [r for r in records if (folder / prepare.path_in_task(r["path"])).exists()]
        source_of_chance = random.Random(f"{seed} {entry['name']}")
        source_of_chance.shuffle(records)
        lines, kinds = {(t["file"], t["line"]) for t in before}, {t["kind"] for t in before}
        found, tried = len(before), 0
        for record in records:
            if found >= per_package or tried == TRIED_BUGS:
                break
            file = prepare.path_in_task(record["path"])
            for bug in mutate.bugs_of(source.parent, [record], seed, 3):
                if bug["kind"] in kinds | {"identity"} or (file, bug["line"]) in lines:
                    continue
                task = task_of(
                    "synthetic",
                    entry["name"],
                    entry["version"],
                    entry["licence"],
                    file,
                    suite,
                    record["qualname"],
                    bug,
                )
                tried += 1
                if killed(folder, task)[0]:
                    found += 1
                    kinds.add(bug["kind"])
                    lines.add((file, bug["line"]))
                    yield task
                break
        print(f"{entry['name']}: {found} tasks, {len(suite[1])} test files", file=sys.stderr)


def changed_lines(old, new):
    """(line number in new, old text, new text) of the places where exactly one line was replaced by
    one line.
    """
    old, new = old.split("\n"), new.split("\n")
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "replace" and b - a == 1 and d - c == 1:
            yield c + 1, old[a], new[c]


def without_strings(line):
    """A line with the contents of its strings and its comment removed."""
    line = re.sub(r"(\"[^\"\\]*(?:\\.[^\"\\]*)*\"|'[^'\\]*(?:\\.[^'\\]*)*')", "''", line)
    return re.sub(r"#.*", "", line)


def function_at(text, line):
    """The qualified name of the innermost function of a module or class that holds a line, outside
    its docstring; or None.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    for qualname, node in extract.functions_of(tree):
        doc = extract.doc_range(node)
        if node.lineno <= line <= node.end_lineno and not (doc and doc[0] <= line <= doc[1]):
            return qualname
    return None


def fixes(older, newer):
    """One-line code changes between two unpacked releases: (path, line, old text, new text,
    function).
    """
    for file in sorted(newer.rglob("*.py")):
        path = file.relative_to(newer).as_posix()
        before = older / path
        if not extract.is_taken(path, "") or not before.exists():
            continue
        try:
            old, new = before.read_bytes().decode(), file.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        if old == new or "\r" in new or len(new) > 1 << 20:
            continue
        words = set(re.findall(r"\w+", new))
        for line, old_line, new_line in changed_lines(old, new):
            if without_strings(old_line).split() == without_strings(new_line).split() or re.search(
                r"version|^\s*(import|from|def|class|@)\b", new_line
            ):
                continue
            # A name that the newer release does not know would make the old line fail for another
            # reason.
            if not set(re.findall(r"\w+", without_strings(old_line))) <= words:
                continue
            lines = new.split("\n")
            lines[line - 1] = old_line
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    changed = ast.dump(ast.parse("\n".join(lines))) != ast.dump(ast.parse(new))
                function = function_at(new, line)
            except (SyntaxError, ValueError):
                continue
            if changed and function:
                yield path, line, old_line, new_line, function


def changed_tests(older, newer):
    """The test files (paths in the newer release) that are new or not what they were: a fix comes
    with its test.
    """
    found = []
    for file in sorted(newer.rglob("*.py")):
        path = file.relative_to(newer).as_posix()
        if TEST_FILE.search(path):
            before = older / path
            if not before.exists() or before.read_bytes() != file.read_bytes():
                found.append(path)
    return found


def real(older, newer, package, version, licence):
    """The real tasks of one pair of unpacked releases."""
    found = list(fixes(older, newer))
    tests = changed_tests(older, newer)
    if not found or not tests:
        return
    found = random.Random(1).sample(found, min(len(found), TRIED_FIXES))
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "task"
        prepare.lay_out(newer, folder)
        found = [f for f in found if (folder / prepare.path_in_task(f[0])).exists()]
        tests = [t for t in map(prepare.path_in_task, tests) if (folder / t).exists()]
        suite = found and suite_of(folder, 40.0, tests)
        if not suite:
            return
        for path, line, old_line, new_line, function in found:
            bug = {
                "line": line,
                "buggy": old_line,
                "correct": new_line,
                "deleted": False,
                "kind": "real",
            }
            task = task_of(
                "real", package, version, licence, prepare.path_in_task(path), suite, function, bug
            )
            failed, output = killed(folder, task)
            if failed:
                task["output"] = output[-1500:]
                yield task


def line_of(row):
    """What makes a task itself, whatever its id."""
    return tuple(row[k] for k in ("source", "package", "version", "file", "line", "buggy"))


def append(path, rows):
    with open(path, "a") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def heldout():
    return [e for e in fetch.packages() if e["roles"] == ["heldout"]]


def join(work, withdrawn):
    """Adds the candidates to tasks.jsonl with ids SOURCE-PACKAGE-N; tasks that are there stay as
    they are, the withdrawn ones go.
    """
    rows = prepare.tasks()
    there = {line_of(r) for r in rows}
    for kind in ("synthetic", "real"):
        for row in read(work / f"candidates-{kind}.jsonl"):
            if "file" not in row or line_of(row) in there:
                continue
            there.add(line_of(row))
            row.pop("output", None)
            prefix = f"{kind}-{row['package']}-"
            used = [r["id"] for r in rows if r["id"].startswith(prefix)]
            used = [int(i) for i in (u[len(prefix) :] for u in used) if i.isdigit()]
            row["id"] = f"{prefix}{max(used, default=0) + 1}"
            rows.append(row)
    rows = [r for r in rows if r["id"] not in withdrawn]
    rows.sort(key=lambda r: (r["source"] != "synthetic", r["package"]))
    (prepare.HERE / "tasks.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    print(f"{len(rows)} tasks", file=sys.stderr)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("what", choices=["synthetic", "real", "join"])
    arguments.add_argument("chains", nargs="?", type=pathlib.Path)
    arguments.add_argument("--work", type=pathlib.Path, default=fetch.DEFAULT_WORK)
    arguments.add_argument("--per-package", type=int, default=3)
    arguments.add_argument("--packages", nargs="*")
    arguments.add_argument("--withdraw", nargs="*", default=[])
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    work = options.work
    bench = work / "bench"
    bench.mkdir(parents=True, exist_ok=True)
    if options.what == "join":
        join(bench, options.withdraw)
        return
    candidates = bench / f"candidates-{options.what}.jsonl"
    done = {(r["package"], r["version"]) for r in read(candidates)}
    if options.what == "synthetic":
        for entry in heldout():
            if options.packages and entry["name"] not in options.packages:
                continue
            there = [t for t in prepare.tasks() + read(candidates) if t.get("file")]
            before = {line_of(t): t for t in there if t["source"] == "synthetic"}.values()
            before = [t for t in before if t["package"] == entry["name"]]
            key = entry["name"], entry["version"]
            if len(before) < options.per_package and (before or key not in done):
                try:
                    rows = list(
                        synthetic(
                            bench / "sdists", entry, options.per_package, options.seed, before
                        )
                    )
                except (OSError, subprocess.SubprocessError, StopIteration) as error:
                    print(f"{key}: {error}", file=sys.stderr)
                    continue
                append(candidates, rows or [{"package": key[0], "version": key[1]}])
        return
    licences = {e["name"]: e["licence"] for e in heldout()}
    for package, versions in json.loads(options.chains.read_text()).items():
        for new, old in zip(versions, versions[1:]):
            if (package, new) in done:
                continue
            try:
                newer, older = (prepare.sdist(package, v, bench / "sdists") for v in (new, old))
                rows = list(real(older, newer, package, new, licences[package]))
            except (OSError, subprocess.SubprocessError, StopIteration) as error:
                print(f"{package} {new}: {error}", file=sys.stderr)
                continue
            print(f"{package} {old} -> {new}: {len(rows)} tasks", file=sys.stderr)
            append(candidates, rows or [{"package": package, "version": new}])


if __name__ == "__main__":
    main()
