"""Lays out the tasks of tasks.jsonl as git repositories: OUT/ID, one commit, with the bug in place.

Sources come from PyPI, by exact version, and for C and C++ from Debian's source packages, by hash
(c_packages.toml); nothing of them is kept in this repository but the changed lines. Each task is
verified: its check must pass with the correct line and fail with the wrong one.

    python3 prepare.py --out DIR [--only ID ...] [--work DIR]
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "examples" / "fledgling"))

import fetch  # noqa: E402

DEFAULT_WORK = fetch.DEFAULT_WORK / "bench"
# Not part of a task: documentation, packaging, test configuration, and change logs, which may name
# the bug.
LEFT_OUT = re.compile(
    r"^(docs?|documentation|examples?|benchmarks?|bench|build|dist|tools|scripts|ci|\..*|"
    r".*\.egg-info|__pycache__|PKG-INFO|"
    r"(changes|changelog|history|news|release|releases|whatsnew|todo)(\b.*|_.*)?|"
    r"setup\.(py|cfg)|pyproject\.toml|tox\.ini|"
    r"pytest\.ini|noxfile\.py|makefile|manifest\.in|.*\.lock|justfile|conda.*|requirements.*)$",
    re.I,
)
SRC_FOLDER = re.compile(r"^src/")

CHECK_HEAD = """#!/bin/sh
# Builds the sources and runs the tests.
set -e
ulimit -t 20
mkdir -p build

compile() {  # FLAGS FILE...: build/NAME.o of each
  flags=$1
  shift
  for file; do
    case $file in *.c) compiler=${CC:-cc} ;; *) compiler=${CXX:-c++} ;; esac
    name=${file##*/}
    $compiler -g ${WARNINGS:--w} $flags $CFLAGS -c "$file" -o "build/${name%.*}.o"
  done
}

link() {  # PROGRAM NAME...: build/PROGRAM
  program=$1
  shift
  linked=
  for name; do linked="$linked build/$name.o"; done
  ${CXX:-c++} $CFLAGS $linked -o "build/$program" -lm
}
"""


def tasks():
    return [json.loads(line) for line in (HERE / "tasks.jsonl").read_text().splitlines()]


def sdist(name, version, cache):
    """The unpacked source release, downloaded on first use. Raises CalledProcessError when it
    cannot be had.
    """
    target = cache / f"{name}-{version}"
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            temporary = pathlib.Path(temporary)
            (temporary / "archive").mkdir()
            archive = fetch.download(name, version, "sdist", temporary / "archive")
            fetch.unpack(archive, temporary / "out")
            (temporary / "out").rename(target)
    return target


def c_packages():
    """The entries of c_packages.toml by name, each with its version and what apt calls it."""
    entries = tomllib.loads((HERE / "c_packages.toml").read_text())
    found = {}
    for name, entry in entries.items():
        like = entry.get("like", name)
        found[name] = {"suite": "bookworm"} | entries[like] | entry
        found[name]["version"] = re.match(r"[^_]*_(.*?)(\.orig)?\.tar\.", entry["archive"])[1]
        found[name]["apt"] = f"{like}/{found[name]['suite']}"
    return found


def apt_source(apt_name, archive, cache):
    """Has apt fetch the upstream archive of a source package, NAME/SUITE, into cache, with lists of
    its own.
    """
    suites = sorted({entry["suite"] for entry in c_packages().values()})
    lists = cache / "apt" / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (cache / "apt" / "sources.list").write_text(
        "".join(
            f"deb-src [signed-by={key}] http://deb.debian.org/debian {suite} main\n"
            for suite in suites
        )
    )
    (cache / "apt" / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{cache}/apt/sources.list";\nDir::Etc::SourceParts "/dev/null";\n'
        f'Dir::State::Lists "{lists}";\nDir::Cache "{cache}/apt";\nAPT::Sandbox::User "root";\n'
    )
    environment = os.environ | {"APT_CONFIG": str(cache / "apt" / "apt.conf")}
    commands = [["apt-get", "-qq", "source", "--download-only", "--tar-only", apt_name]]
    if any(not list(lists.glob(f"*_{suite}_*_Sources*")) for suite in suites):
        commands.insert(0, ["apt-get", "-qq", "update"])
    for command in commands:
        subprocess.run(command, cwd=cache, env=environment, check=True, timeout=600)
    return cache / archive


def c_source(name, entry, cache):
    """The unpacked archive of a package of c_packages.toml, downloaded on first use. Raises
    CalledProcessError when it cannot be had, ValueError when it is another.
    """
    target = cache / f"c-{name}-{entry['version']}"
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        archive = cache / entry["archive"]
        if not archive.exists():
            apt_source(entry["apt"], entry["archive"], cache)
        if hashlib.sha256(archive.read_bytes()).hexdigest() != entry["sha256"]:
            raise ValueError(f"{archive.name} is not the pinned archive")
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            out = pathlib.Path(temporary) / "out"
            fetch.unpack(archive, out)
            out.rename(target)
    return target


def lay_out_c(source, entry, target):
    """Copies what an entry of c_packages.toml keeps, and writes check.sh."""
    target.mkdir(parents=True)
    for pattern in entry["keep"]:
        for path in sorted(source.glob(pattern)):
            if path.is_dir():
                shutil.copytree(path, target / path.name)
            elif not path.is_symlink():
                shutil.copyfile(path, target / path.name)
    (target / "check.sh").write_text(CHECK_HEAD + entry["check"])
    (target / ".gitignore").write_text("build/\n")


def lay_out(source, target):
    """Copies a source release without what LEFT_OUT names; what is under src/ moves to the top,
    where python finds it.
    """

    def ignore(folder, names):
        top = pathlib.Path(folder) == source
        return [
            n
            for n in names
            if (LEFT_OUT.match(n) if top else n == "__pycache__")
            or (pathlib.Path(folder) / n).is_symlink()
        ]

    shutil.copytree(source, target, ignore=ignore)
    inner = target / "src"
    if inner.is_dir() and not (inner / "__init__.py").exists():
        for p in list(inner.iterdir()):
            if not p.name.endswith(".egg-info") and not (target / p.name).exists():
                p.rename(target / p.name)
        shutil.rmtree(inner)
    (target / ".gitignore").write_text("__pycache__/\n*.pyc\n.pytest_cache/\n")


def path_in_task(path):
    """Where lay_out puts a file of a source release."""
    return SRC_FOLDER.sub("", path)


def run_check(folder, command, timeout):
    """(exit status, or None when it took longer than timeout seconds; its output)."""
    # No bytecode: two edits within one second would otherwise leave a stale file behind.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    process = subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
        return process.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, ""


def put_line(file, line, text, expected=None, insert=False, delete=False):
    """Replaces, inserts (before) or deletes line `line` of a file, keeping line ends; a replaced
    line must be `expected`.
    """
    lines = file.read_bytes().decode(errors="surrogateescape").split("\n")
    carriage = "\r" if lines[line - 1].endswith("\r") else ""
    if expected is not None and lines[line - 1].rstrip("\r") != expected:
        raise ValueError(f"{file.name}:{line} is {lines[line - 1]!r}, not {expected!r}")
    if insert:
        lines.insert(line - 1, text + carriage)
    elif delete:
        del lines[line - 1]
    else:
        lines[line - 1] = text + carriage
    file.write_bytes("\n".join(lines).encode(errors="surrogateescape"))


def break_it(folder, task):
    """Puts the bug into a task folder that holds the correct source."""
    file = folder / task["file"]
    if task.get("extra"):
        put_line(file, task["line"], task["buggy"], insert=True)
    else:
        put_line(
            file, task["line"], task["buggy"], expected=task["correct"], delete=task["deleted"]
        )


def repair_it(folder, task):
    """The inverse of break_it."""
    file = folder / task["file"]
    if task["deleted"]:
        put_line(file, task["line"], task["correct"], insert=True)
    else:
        extra = task.get("extra", False)
        put_line(file, task["line"], task["correct"], expected=task["buggy"], delete=extra)


def commit(folder):
    """Makes the folder a git repository with one commit whose author, date and message
    are fixed.
    """
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {
            f"GIT_{who}_NAME": "bench",
            f"GIT_{who}_EMAIL": "bench@localhost",
            f"GIT_{who}_DATE": "2000-01-01T00:00:00Z",
        }
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Import"]):
        subprocess.run(["git", *command], cwd=folder, env=environment, check=True)


def prepare(task, out, cache):
    """Builds OUT/ID and returns None, or what is wrong with the task."""
    target = out / task["id"]
    shutil.rmtree(target, ignore_errors=True)
    try:
        if task["package"] in (entries := c_packages()):
            entry = entries[task["package"]]
            lay_out_c(c_source(task["package"], entry, cache), entry, target)
        else:
            lay_out(sdist(task["package"], task["version"], cache), target)
        status, _ = run_check(target, task["check"], 120)
        if status != 0:
            return f"the check gives {status} on the correct source"
        break_it(target, task)
        status, _ = run_check(target, task["check"], 120)
        if status in (0, None):
            return f"the check gives {status} on the broken source"
        leftovers = [*target.rglob("__pycache__"), target / ".pytest_cache", target / "build"]
        for leftover in leftovers:
            shutil.rmtree(leftover, ignore_errors=True)
        commit(target)
    except (OSError, ValueError, IndexError, StopIteration, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--only", nargs="*")
    arguments.add_argument(
        "--work", type=pathlib.Path, default=DEFAULT_WORK, help="where source releases are kept"
    )
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    bad = 0
    for task in tasks():
        if options.only and task["id"] not in options.only:
            continue
        problem = prepare(task, options.out.resolve(), options.work.resolve() / "sdists")
        if problem:
            bad += 1
            shutil.rmtree(options.out / task["id"], ignore_errors=True)
        print(f"{task['id']}: {problem or 'ready'}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
