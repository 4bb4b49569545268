"""Runs the repair benchmark: `corvid run` on every prepared task, for each ranking and each
setting.

    python3 run.py --tasks DIR --out RESULTS.jsonl [--corvid PROGRAM] [--model M]
                   [--attempts K] [--limit N] [--jobs N] [--report]
                   [--rows random tables model] [--settings function repository]
                   [--sources synthetic real] [--languages python c c++]

DIR is what prepare.py wrote. RESULTS.jsonl gets one line per run; runs that are already there are
not repeated, so an interrupted run goes on where it stopped. A task that cannot be run here ends
the program after what is in progress; what there is by then is kept. The tables are printed to
stdout as Markdown; --report prints them only. A claimed success is checked again here: the check
must pass in the workspace that corvid left, with the test files put back. Whatever corvid says,
only that counts as solved.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import prepare

CUTS = [1, 4, 16, 64]
LANGUAGES = ["python", "c", "c++"]
SAMPLES = 2000  # bootstrap samples of an interval
SETTINGS = {
    "function": "The tests fail. The bug is in `{function}` in `{file}`. Repair it.",
    "repository": "The tests fail. Find the bug and repair it.",
}


def command_of(options, task, row, setting, workspace):
    text = SETTINGS[setting].format(**task)
    command = [
        options.corvid,
        "run",
        text,
        "--workspace",
        str(workspace),
        "--verify",
        task["check"],
        "--attempts",
        str(options.attempts),
        "--max-checks",
        "1",
        "--json",
        "--edit-ranking",
        row,
    ]
    return command + (["--model", options.model] if options.model else [])


def start(command, folder, environment, timeout):
    """(exit status, None when it took too long; stdout; the end of stderr). The whole process group
    ends with it.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = None
        errors.seek(0, os.SEEK_END)
        errors.seek(max(0, errors.tell() - 2000))
        return status, output.decode(errors="replace"), errors.read().decode(errors="replace")


def parse(output):
    """(the result object or None, how many lines are not JSON objects with a type)."""
    result, bad = None, 0
    for line in output.splitlines():
        try:
            event = json.loads(line)
            if event["type"] == "result":
                result = event
        except (ValueError, KeyError, TypeError):
            bad += 1
    return result, bad


def confirmed(task, prepared, workspace):
    """Whether the check passes in the workspace once its test files are as they were prepared."""
    for test in [*task["tests"], *(p.relative_to(prepared) for p in prepared.rglob("conftest.py"))]:
        if (prepared / test).is_dir():
            shutil.rmtree(workspace / test, ignore_errors=True)
            shutil.copytree(prepared / test, workspace / test)
        else:
            shutil.copyfile(prepared / test, workspace / test)
    return prepare.run_check(workspace, task["check"], 120)[0] == 0


def exact(task, prepared, workspace):
    """Whether the broken file is again as it was, whatever its spacing."""
    with tempfile.TemporaryDirectory() as temporary:
        file = pathlib.Path(temporary) / task["file"]
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(prepared / task["file"], file)
        prepare.repair_it(pathlib.Path(temporary), task)
        want = file.read_bytes()
    have = (workspace / task["file"]).read_bytes()
    lines = ([line.split() for line in text.split(b"\n")] for text in (want, have))
    want, have = ([line for line in text if line] for text in lines)
    return want == have


def language_of(task):
    """python, c or c++, by the ending of the broken file; a header of C++ has .h too."""
    if task["file"].endswith(".py"):
        return "python"
    ending = pathlib.PurePath(task["file"]).suffix
    return "c" if ending == ".c" else "c++"


def run_one(options, task, row, setting):
    """One line of the results."""
    prepared = options.tasks / task["id"]
    with tempfile.TemporaryDirectory(prefix="repair-", dir=options.scratch) as temporary:
        temporary = pathlib.Path(temporary)
        workspace = temporary / "work"
        shutil.copytree(prepared, workspace, symlinks=True)
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
        # Installed models stay visible; sessions and locks of one run do not meet those of another.
        models = (
            pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share"))
            / "corvid"
            / "models"
        )
        (temporary / "data" / "corvid").mkdir(parents=True)
        if models.is_dir():
            (temporary / "data" / "corvid" / "models").symlink_to(models)
        environment["XDG_DATA_HOME"] = str(temporary / "data")
        environment["XDG_CACHE_HOME"] = str(temporary / "cache")
        begin = time.monotonic()
        status, output, errors = start(
            command_of(options, task, row, setting, workspace),
            workspace,
            environment,
            options.timeout,
        )
        seconds = time.monotonic() - begin
        result, bad = parse(output)
        attempts = (result or {}).get("attempts") or {}
        claimed = bool(result) and result["status"] == "verified"
        solved = claimed and confirmed(task, prepared, workspace)
        return {
            "id": task["id"],
            "source": task["source"],
            "language": language_of(task),
            "kind": task["kind"],
            "row": row,
            "setting": setting,
            "attempts": options.attempts,
            "status": result["status"] if result else None,
            "exit_code": status,
            "claimed": claimed,
            "solved": solved,
            "winner": attempts.get("winner") if solved else None,
            "tried": attempts.get("tried"),
            "checks_run": checks_of(result),
            "exact": solved and exact(task, prepared, workspace),
            "tokens": (result or {}).get("tokens"),
            "seconds": round(seconds, 2),
            "bad_lines": bad,
            "message": (result or {}).get("message"),
            "stderr": "" if solved else errors[-500:],
        }


def checks_of(result):
    """How often the check ran, as the result says; else one before the attempts and one
    for each.
    """
    if not result:
        return None
    if isinstance(result.get("checks_run"), int):
        return result["checks_run"]
    tried = (result.get("attempts") or {}).get("tried")
    return None if tried is None else tried + 1


def wilson(k, n):
    """The 95 % Wilson interval of k of n, in percent."""
    if n == 0:
        return 0.0, 100.0
    z, p = 1.96, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def mcnemar(b, c):
    """The two-sided exact p of b against c discordant pairs."""
    n = b + c
    tail = sum(math.comb(n, i) for i in range(min(b, c) + 1)) / 2**n if n else 0.5
    return min(1.0, 2 * tail)


def solved_at(result, k):
    return bool(result["solved"] and result["winner"] is not None and result["winner"] < k)


def mean(values):
    values = [v for v in values if v is not None]
    return sum(values) / len(values) if values else float("nan")


def rates(group, rows, cuts):
    """The Markdown table of solve rates and costs; group: {row: {id: result}}."""
    head = ["ranking", "n", *(f"solved @{k}, %" for k in cuts), "exact line, %", "checks", "tokens"]
    head += ["seconds", "false successes", "no result or bad lines"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        found = list(group[row].values())
        if not found:
            continue
        n = len(found)
        cells = [row, str(n)]
        for k in cuts:
            count = sum(solved_at(r, k) for r in found)
            low, high = wilson(count, n)
            cells.append(f"{100 * count / n:.1f} ({low:.0f}-{high:.0f})")
        tokens = [r["tokens"] or {} for r in found]
        cells += [
            f"{100 * sum(r['exact'] for r in found) / n:.1f}",
            f"{mean([r['checks_run'] for r in found]):.1f}",
            f"{mean([(t.get('prefilled') or 0) + (t.get('generated') or 0) for t in tokens]):.0f}",
            f"{mean([r['seconds'] for r in found]):.1f}",
            str(sum(r["claimed"] and not r["solved"] for r in found)),
            str(sum(r["status"] is None or r["bad_lines"] > 0 for r in found)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def interval(gained, lost, n):
    """The 95 % percentile-bootstrap interval, in points, of the mean of n paired differences of
    which `gained` are 1, `lost` are -1 and the rest 0. The same counts give the same interval.
    """
    if n == 0:
        return -100.0, 100.0
    source = random.Random(f"{gained} {lost} {n}")
    weights = [gained, lost, n - gained - lost]
    means = sorted(
        100 * sum(source.choices((1, -1, 0), weights, k=n)) / n for _ in range(SAMPLES)
    )
    return means[round(0.025 * (SAMPLES - 1))], means[round(0.975 * (SAMPLES - 1))]


def differences(group, rows, cuts):
    """The Markdown table of paired differences on the tasks that both rows of a pair have run."""
    head = ["second less first", "n"]
    head += [f"@{k}: points (95 %), only second / only first, McNemar p" for k in cuts]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for i, second in enumerate(rows):
        for first in rows[:i]:
            both = sorted(set(group[first]) & set(group[second]))
            cells = [f"{first} → {second}", str(len(both))]
            for k in cuts:
                old, new = ([solved_at(group[row][t], k) for t in both] for row in (first, second))
                pairs = list(zip(old, new))
                gained, lost = pairs.count((False, True)), pairs.count((True, False))
                points = 100 * (gained - lost) / max(1, len(both))
                low, high = interval(gained, lost, len(both))
                cells.append(
                    f"{points:+.1f} ({low:+.1f} to {high:+.1f}), {gained} / {lost}, "
                    f"{mcnemar(gained, lost):.3f}"
                )
            if both:
                lines.append("| " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else []


def report(results, rows, attempts):
    """The Markdown tables of every language, setting and source."""
    cuts = [k for k in CUTS if k <= attempts]
    lines, parts = [], {}
    for r in results:
        # Results from before there were languages are of Python.
        parts.setdefault((r.get("language", "python"), r["setting"], r["source"]), []).append(r)
    for (language, setting, source), here in sorted(parts.items()):
        group = {row: {r["id"]: r for r in here if r["row"] == row} for row in rows}
        lines += [f"### {language}, {source} bugs, setting: {setting}", ""]
        lines += [*rates(group, rows, cuts), "", *differences(group, rows, cuts), ""]
    return "\n".join(lines)


def chosen_tasks(options):
    """The prepared tasks of the wanted sources and languages; --limit takes as many of each source
    and language, spread over the list.
    """
    found = []
    for source in options.sources:
        for language in options.languages:
            tasks = [
                t
                for t in prepare.tasks()
                if t["source"] == source
                and language_of(t) == language
                and (options.tasks / t["id"] / t["file"]).exists()
            ]
            if options.limit and options.limit < len(tasks):
                tasks = [tasks[i * len(tasks) // options.limit] for i in range(options.limit)]
            found += tasks
    return found


def run_all(options, jobs, keep):
    """Runs jobs, `options.jobs` at a time, and calls keep with each result as it comes. Returns
    what could not be run: (task id, error). After the first such job no more are started.
    """
    failed, waiting = [], iter(jobs)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {}
        while True:
            while not failed and len(running) < options.jobs and (job := next(waiting, None)):
                running[pool.submit(run_one, options, *job)] = job[0]["id"]
            if not running:
                return failed
            done, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done:
                task = running.pop(future)
                error = future.exception()
                if error is None:
                    keep(future.result())
                else:
                    failed.append((task, error))


def read_results(path):
    """The lines of the results; a last line that was cut off is taken out of the file."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--tasks", type=pathlib.Path, required=True)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--corvid", default="corvid")
    arguments.add_argument("--model", help="handed to corvid; none: what corvid takes by itself")
    arguments.add_argument("--attempts", type=int, default=64)
    arguments.add_argument("--limit", type=int, help="tasks of each source and language")
    arguments.add_argument("--rows", nargs="+", default=["random", "tables", "model"])
    arguments.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    arguments.add_argument(
        "--sources", nargs="+", default=["synthetic", "real"], choices=["synthetic", "real"]
    )
    arguments.add_argument("--languages", nargs="+", default=LANGUAGES, choices=LANGUAGES)
    arguments.add_argument("--jobs", type=int, default=1)
    arguments.add_argument(
        "--timeout", type=float, default=1800, help="seconds for one run of corvid"
    )
    arguments.add_argument("--scratch", type=pathlib.Path, help="where workspaces are copied to")
    arguments.add_argument(
        "--report", action="store_true", help="only print the tables of what is there"
    )
    options = arguments.parse_args()
    options.tasks = options.tasks.resolve()
    if os.sep in options.corvid:
        options.corvid = str(pathlib.Path(options.corvid).resolve())
    results = read_results(options.out)
    there = {(r["id"], r["row"], r["setting"], r["attempts"]) for r in results}
    if not options.report:
        if shutil.which(options.corvid) is None:
            sys.exit(f"{options.corvid}: no such program; build it, or name it with --corvid")
        # Task by task, so that an interrupted run has compared the rows on the same tasks.
        jobs = [
            (t, row, setting)
            for t in chosen_tasks(options)
            for setting in options.settings
            for row in options.rows
            if (t["id"], row, setting, options.attempts) not in there
        ]
        print(f"{len(jobs)} runs to do, {len(results)} there", file=sys.stderr)
        with open(options.out, "a") as out:

            def keep(result):
                results.append(result)
                out.write(json.dumps(result) + "\n")
                out.flush()
                print(
                    f"{result['id']} {result['setting']} {result['row']}: {result['status']}, "
                    f"winner {result['winner']}, {result['seconds']} s",
                    file=sys.stderr,
                )

            failed = run_all(options, jobs, keep)
        if failed:
            for task, error in failed:
                print(f"{task}: {type(error).__name__}: {error}", file=sys.stderr)
            sys.exit(f"{options.out} has what was run; run this again to go on")
    print(
        report(
            [r for r in results if r["attempts"] == options.attempts],
            options.rows,
            options.attempts,
        )
    )


if __name__ == "__main__":
    main()
