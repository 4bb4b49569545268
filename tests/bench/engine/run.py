"""The engine's speed on models of real shape, beside llama.cpp, and its share of the machine's limits.

    python3 tests/bench/engine/run.py [--corvid PROGRAM] [--models FOLDER] [--only NAME[,NAME...]]
        [--prefill 512,4096] [--decode 64] [--depths 0,16384] [--turn 8192,200] [--batch 8]
        [--threads 2] [--repeat 3] [--rounds 2] [--peer PYTHON] [--level avx512] [--exact]
        [--macs PER_S] [--json]

Models (names: `models.py`) are made in FOLDER (a temporary one that is removed, if none is given).
PYTHON is an interpreter with llama_cpp (`pip install llama-cpp-python` builds it for this machine);
its runs alternate with ours, `rounds` times, and the best of each counts. Its threads wait passively,
unless OMP_WAIT_POLICY says otherwise. `--turn ''`, `--batch 0`,
`--decode 0` and `--depths 0` leave rows out: with everything a model takes a quarter of an hour.

`tokens/s` is by the clock. `free` is what the processor time alone would allow, were all threads
busy all the time: on a machine that others use as well it is the steadier figure, and the one whose
share of the machine's limit is given. The limit of a decode row is the memory bandwidth that `corvid
model bench` measures; that of a prefill row the 8-bit multiplications per second that --macs states
(of one thread) or the program int8_peak measures. `turn`: the second number of tokens is read after the first, which stay,
while the eight of a reply between them are taken back; who cannot do that reads all. `batch`: tokens
of all sequences together. Peak memory is that of the rows before the batch.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import models

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../../.."))


def lines_of(command, environment=None):
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        sys.exit("%s\n%s" % (" ".join(command), done.stderr.strip()))
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def rows_wanted(args):
    return ["-p", args.prefill, "-d", args.depths, "-n", str(args.decode), "-t", str(args.threads),
            "-r", str(args.repeat), "--batch", str(args.batch)] + (
                ["--turn", args.turn] if args.turn else [])


def ours(args, path):
    command = [args.corvid, "model", "bench", path, "--json"] + rows_wanted(args)
    level = {"CORVID_CPU": args.level} if args.level else {}
    return lines_of(command + (["--exact"] if args.exact else []), level)


def peers(args, path):
    # Where others use the machine, threads that wait actively take the time from each other.
    policy = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive")}
    return lines_of([args.peer, os.path.join(HERE, "peer.py"), path] + rows_wanted(args), policy)


class Best:
    """The best of several runs of one program on one file."""

    def __init__(self):
        self.rows, self.machine, self.peak = {}, {}, 0

    def add(self, lines):
        for line in lines:
            if line["type"] == "machine":
                known = self.machine or line
                self.machine = {**line, **{key: choose(known[key], line[key]) for key, choose in
                                           (("first_token_ms", min), ("bandwidth_bytes_per_s", max))
                                           if key in line}}
            elif line["type"] == "end":
                self.peak = line["peak_memory_bytes"]
            else:
                key = (line["test"], line["tokens"], line["depth"])
                old = self.rows.setdefault(key, line)
                self.rows[key] = {**line, "fastest": max(old["fastest"], line["fastest"]),
                                  "cpu_s": min(old["cpu_s"], line["cpu_s"])}


def active_weights(path, corvid):
    """Multiplications of one token in products with weights: about bits read over bits per weight."""
    info = lines_of([corvid, "model", "info", path, "--json"])[0]
    return info["decode_bytes"] / info["file_bytes"] * info["parameters"]


def report(args, name, path, mine, peer):
    limit_macs = args.macs * args.threads
    weights = active_weights(path, args.corvid)
    for key, row in mine.rows.items():
        test, tokens, depth = key
        free = tokens * args.threads / row["cpu_s"]
        line = {"model": name, "test": test, "tokens": tokens, "depth": depth,
                "tokens_per_s": row["fastest"], "free_tokens_per_s": free}
        if test == "decode":
            line["limit"] = "bandwidth"
            line["share"] = (row["bytes_per_token"] * free /
                             mine.machine["bandwidth_bytes_per_s"])
        elif test == "prefill" and limit_macs > 0:
            # Logits are asked for once per prompt.
            line["limit"] = "int8"
            line["share"] = weights * free / limit_macs
        if key in peer.rows:
            other = peer.rows[key]
            line["peer_tokens_per_s"] = other["fastest"]
            line["ratio"] = row["fastest"] / other["fastest"]
            line["free_ratio"] = other["cpu_s"] / row["cpu_s"]
        if args.json:
            print(json.dumps(line), flush=True)
            continue
        text = "%-24s %-8s%6d at %-6d%9.1f tokens/s  free %8.1f" % (
            name, test, tokens, depth, line["tokens_per_s"], free)
        if "ratio" in line:
            text += "  peer %8.1f  ratio %5.2f (processor time %5.2f)" % (
                line["peer_tokens_per_s"], line["ratio"], line["free_ratio"])
        if "share" in line:
            text += "  %5.1f %% of %s" % (100 * line["share"], line["limit"])
        print(text, flush=True)
    last = {"model": name, "first_token_ms": mine.machine["first_token_ms"],
            "peak_memory_bytes": mine.peak,
            "peer_first_token_ms": peer.machine.get("first_token_ms"),
            "peer_peak_memory_bytes": peer.peak or None}
    if args.json:
        print(json.dumps(last), flush=True)
    else:
        print("%-24s first token after %.0f ms, peak memory %.0f MB%s" % (
            name, last["first_token_ms"], mine.peak / 1e6,
            "; peer %.0f ms, %.0f MB" % (peer.machine["first_token_ms"], peer.peak / 1e6)
            if peer.rows else ""), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corvid", default=os.path.join(ROOT, "build/release/corvid"))
    parser.add_argument("--models")
    parser.add_argument("--only", default=",".join(models.NAMES))
    parser.add_argument("--prefill", default="512,4096")
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--depths", default="0,16384")
    parser.add_argument("--turn", default="8192,200")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer")
    parser.add_argument("--level", default="")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--macs", type=float, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    peak = os.path.join(ROOT, "build/release/tests/bench/int8_peak")
    if args.macs == 0 and os.path.exists(peak):
        args.macs = lines_of([peak])[0]["macs_per_s"]
    with tempfile.TemporaryDirectory() as temporary:
        for name in args.only.split(","):
            path = models.make(args.models or temporary, name)
            mine, peer = Best(), Best()
            for _ in range(args.rounds):
                mine.add(ours(args, path))
                if args.peer:
                    peer.add(peers(args, path))
            report(args, name, path, mine, peer)
            if not args.models:
                os.remove(path)


if __name__ == "__main__":
    main()
