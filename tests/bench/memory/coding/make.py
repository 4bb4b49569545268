#!/usr/bin/env python3
"""Makes turns.jsonl: runs the scenes through `corvid chat` and takes what memory kept of them.

    python3 tests/bench/memory/coding/make.py --corvid build/release/corvid [--kept FOLDER]

A scene file is one project: `repository NAME`, then sessions `@ DATE TIME`, in which `U` is what
the user types, `A` a reply of the scripted model, and after it its calls: `$ COMMAND`, `< FILE`,
`? PATTERN`, `> FILE` with the lines `| TEXT`, `E FILE` with the lines `- OLD` and `+ NEW`. The
program's tools answer for real. `fledgling NAME` puts runs of the default model in, as they were
exported (`corvid memory export`) to FOLDER/NAME.jsonl, on the days given behind it.
Sessions run one after another; their dates are the scenes', the seconds within them as they
were."""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
PLACES = {
    "settings": ROOT / "tests" / "bench" / "harness" / "repositories" / "settings",
    "signals": ROOT / "tests" / "bench" / "harness" / "repositories" / "signals",
    "stock": ROOT / "examples" / "sample" / "package",
}


def call(name, **arguments):
    return {"name": name, "arguments": arguments}


def read_scene(path):
    """(repository, [(day, messages, replies)], [(name, days)])"""
    repository, sessions, kept = "", [], []
    edit = written = None
    for line in path.read_text().split("\n"):
        mark, _, rest = line.partition(" ")
        if mark == "repository":
            repository = rest
        elif mark == "fledgling":
            name, *days = rest.split()
            kept.append((name, days))
        elif mark == "@":
            sessions.append((rest, [], []))
        elif mark == "U":
            sessions[-1][1].append(rest)
        elif mark == "A":
            sessions[-1][2].append({"text": rest, "calls": []})
        elif mark in ("$", "<", "?", ">", "E"):
            calls = sessions[-1][2][-1]["calls"]
            if mark == "$":
                calls.append(call("shell", command=rest))
            elif mark == "<":
                calls.append(call("read_file", path=rest))
            elif mark == "?":
                calls.append(call("search", pattern=rest))
            elif mark == ">":
                written = call("write_file", path=rest, content="")
                calls.append(written)
            else:
                if call("read_file", path=rest) not in calls:  # the tool wants it read first
                    calls.append(call("read_file", path=rest))
                edit = call("edit_file", path=rest, old_text="", new_text="")
                calls.append(edit)
        elif mark == "|":
            written["arguments"]["content"] += rest + "\n"
        elif mark in ("-", "+"):
            edit["arguments"]["old_text" if mark == "-" else "new_text"] += rest + "\n"
        elif line:
            sys.exit("%s: what is %r?" % (path, line))
    for _, _, replies in sessions:
        for each in (each["arguments"] for reply in replies for each in reply["calls"]):
            for name in ("old_text", "new_text"):
                if name in each:
                    each[name] = each[name].removesuffix("\n")
    return repository, sessions, kept


def run(command, environment, **more):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit("%s: %s" % (" ".join(map(str, command)), done.stderr))
    return done.stdout


def turns_of(export):
    """The turns of an export, by session, in their order."""
    sessions = {}
    for line in map(json.loads, filter(None, export.split("\n"))):
        if line.get("table") == "turn":
            sessions.setdefault(line["row"]["session_id"], []).append(line["row"])
    return list(sessions.values())


def dated(turns, name, day):
    """`turns` of one session as lines of the set, moved to the moment `day`."""
    start = datetime.datetime.fromisoformat(day)
    for number, turn in enumerate(turns):
        after = (turn["said_at"] - turns[0]["said_at"]) // 1000
        when = start + datetime.timedelta(seconds=after)
        yield {"session": name, "id": "%s/%d" % (name, number), "speaker": turn["speaker"],
               "when": when.isoformat() + "Z", "text": turn["text"], "role": turn["role"]}


def play(path, arguments, place):
    repository, sessions, kept = read_scene(path)
    workspace = place / repository
    shutil.copytree(PLACES[repository], workspace)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    for name in ("CONFIG", "DATA", "CACHE"):
        environment["XDG_%s_HOME" % name] = str(place / name)
        (place / name).mkdir()
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", workspace]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All of it"]):
        run([*git, *command], environment)
    for number, (_, messages, replies) in enumerate(sessions):
        script = place / "script"
        script.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
        out = run([arguments.corvid, "chat", "--workspace", workspace,
                   "--model", "scripted:%s" % script],
                  environment, input="\n".join(messages) + "\n")
        said = sum(not reply["calls"] for reply in replies)
        if said != len(messages):
            sys.exit("%s, session %d: %d messages, %d answers" % (
                path, number, len(messages), said))
        print(path.stem, number, len(out), file=sys.stderr)
    export = run([arguments.corvid, "memory", "export"], environment)
    found = list(zip((day for day, _, _ in sessions), turns_of(export)))
    if len(found) != len(sessions):
        sys.exit("%s: %d of %d sessions" % (path, len(found), len(sessions)))
    for name, days in kept:
        runs = turns_of((pathlib.Path(arguments.kept) / (name + ".jsonl")).read_text())
        if len(runs) != len(days):
            sys.exit("%s: %d runs, %d days" % (name, len(runs), len(days)))
        found += zip((day.replace("T", " ") for day in days), runs)
    for number, (day, turns) in enumerate(sorted(found, key=lambda pair: pair[0])):
        for turn in dated(turns, "s%d" % (number + 1), day):
            turn["text"] = turn["text"].replace(str(place), "/home/ann")
            yield {"conv": path.stem, **turn}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corvid", default=str(ROOT / "build" / "release" / "corvid"))
    parser.add_argument("--kept", default=".", help="where the exports of real runs lie")
    parser.add_argument("--out", default=str(HERE / "turns.jsonl"))
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    lines = []
    for path in sorted((HERE / "scenes").glob("*.txt")):
        if arguments.only in path.stem:
            with tempfile.TemporaryDirectory() as place:
                lines += play(path, arguments, pathlib.Path(place))
    with open(arguments.out, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
