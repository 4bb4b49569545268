"""Runs the same twenty tasks through Corvid and through mini-swe-agent, against the same scripted
server, and prints what each sends and costs.

    python3 -m venv VENV && VENV/bin/pip install mini-swe-agent mcp     (from PyPI)
    VENV/bin/python run.py [--corvid PROGRAM] [--only corvid mini-swe-agent] [--limit N] [--json FILE]

The model is a script that takes the same logical steps in each harness's own calls and answers at
once, so that time and memory are the harness's own. Tokens are those of cl100k_base (tiktoken), of
what stands in the requests. `again` is the share of them that stood in the request before: what a
server without a prefix cache reads anew. Corvid's time includes the sandbox and the check that it
runs itself, in a clean copy; mini-swe-agent has neither.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import server
import tasks

ROOT = pathlib.Path(__file__).resolve().parents[3]


def token_counter():
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched
    try:
        import litellm.litellm_core_utils.default_encoding  # noqa: F401  brings the vocabulary
        import tiktoken
    except ImportError:
        sys.exit("run.py: install mini-swe-agent first: pip install mini-swe-agent")
    encoding = tiktoken.get_encoding("cl100k_base")
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def command_of(harness, options, task, workspace, home):
    if harness == "corvid":
        return [options.corvid, "run", task.text, "--workspace", workspace, "--model",
                "openai:scripted", "--verify", task.check, "--json"]
    return [pathlib.Path(sys.executable).parent / "mini", "-t", task.text, "-m", "openai/scripted",
            "-y", "--exit-immediately", "-l", "0", "-o", home / "trajectory.json"]


def peak_memory(process):
    """Waits for it to end; MiB resident at the most, of this process alone."""
    peak = 0
    while process.poll() is None:
        try:
            for line in open(f"/proc/{process.pid}/status"):
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]) / 1024)
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.01)
    return peak


def run(harness, options, task, meter_server, count_tokens):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="harness-"))
    try:
        workspace, home = folder / "work", folder / "home"
        home.mkdir()
        task.prepare(workspace)
        meter_server.meter = server.Meter(task, server.DIALECTS[harness], count_tokens)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
            "OPENAI_BASE_URL": meter_server.url, "OPENAI_API_BASE": meter_server.url,
            "OPENAI_API_KEY": "none", "MSWEA_CONFIGURED": "true",
            "MSWEA_COST_TRACKING": "ignore_errors", "MSWEA_SILENT_STARTUP": "1",
            "MSWEA_GLOBAL_CONFIG_DIR": str(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        begin = time.monotonic()
        with open(folder / "log", "w") as log:
            process = subprocess.Popen(
                [str(word) for word in command_of(harness, options, task, workspace, home)],
                cwd=workspace, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            memory = peak_memory(process)
        seconds = time.monotonic() - begin
        solved = subprocess.run(task.check, shell=True, cwd=workspace,
                                capture_output=True).returncode == 0
        if not solved and options.verbose:
            print((folder / "log").read_text()[-3000:], file=sys.stderr)
        meter = meter_server.meter
        return {"harness": harness, "task": task.name, "solved": solved, "requests": meter.requests,
                "sent": meter.sent, "again": meter.sent_again, "fixed": meter.fixed,
                "last": count_tokens(meter.last), "seconds": seconds,
                "memory_mib": memory}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corvid", default=ROOT / "build/release/corvid", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", default=list(server.DIALECTS), choices=server.DIALECTS)
    parser.add_argument("--limit", type=int, default=len(tasks.TASKS))
    parser.add_argument("--json", help="one line per run")
    parser.add_argument("--verbose", action="store_true", help="print the log of runs that fail")
    options = parser.parse_args()
    options.corvid = options.corvid.resolve()
    count_tokens = token_counter()
    meter_server = server.Server()
    rows = []
    for task in tasks.TASKS[:options.limit]:
        for harness in options.only:
            rows.append(run(harness, options, task, meter_server, count_tokens))
            print(f"{task.name} {harness}: {'solved' if rows[-1]['solved'] else 'NOT solved'}, "
                  f"{rows[-1]['seconds']:.1f} s", file=sys.stderr)
            if options.json:
                with open(options.json, "a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print("| harness | solved | requests | tokens sent | again, % | fixed prompt | last request "
          "| seconds | peak MiB |\n|---|---|---|---|---|---|---|---|---|")
    for harness in options.only:
        mine = [row for row in rows if row["harness"] == harness]

        def mean(key):
            return statistics.mean(row[key] for row in mine)

        print(f"| {harness} | {sum(row['solved'] for row in mine)} of {len(mine)} "
              f"| {mean('requests'):.1f} | {mean('sent'):.0f} "
              f"| {100 * sum(r['again'] for r in mine) / max(1, sum(r['sent'] for r in mine)):.0f} "
              f"| {max(row['fixed'] for row in mine)} | {mean('last'):.0f} | {mean('seconds'):.2f} "
              f"| {max(row['memory_mib'] for row in mine):.0f} |")


if __name__ == "__main__":
    main()
