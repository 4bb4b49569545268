"""What the harness itself costs, without a model: start, memory, a turn of the loop, the sandbox.

    ninja -C build/release corvid sandbox_cost
    python3 tests/bench/harness/cost.py [--build build/release] [--runs N] [--turns N] [--json FILE]

A server on 127.0.0.1 answers at once and takes the times. Start: from before the process is made to
when its first request is there, in a data folder that has been used and in one that is made. Turn:
from the last byte of a reply to the next request, for a call that reads a file, with every event of
it fsynced. Memory: resident, when the first request is there and at the most. Sandbox: `true`
confined less `true` unconfined, by turns in one process. Each row has its floor beside it: what the
machine takes for the least that could do it. Time on a processor (of all threads) says something
even where the machine is busy.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import server

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGETS = {"start_ms": 30, "memory_mb": 25, "turn_ms": 2, "sandbox_ms": 15}


class Server(server.Listener):
    """Keeps when requests were there and when answers were sent."""

    def __init__(self):
        self.turns = 0
        self.process = None
        self.begin()
        super().__init__()

    def begin(self):
        self.asked, self.answered, self.first_memory = [], [], 0.0
        self.cpu = []  # of the process at each request, in ms

    def talk(self, connection):
        data = b""
        while True:
            head, _, data = server.read_request(connection, data)
            if head is None:
                return connection.close()
            self.asked.append(time.monotonic())
            self.cpu.append(cpu_time(self.process.pid))
            if len(self.asked) == 1:
                self.first_memory = resident(self.process.pid, "VmRSS")
            number = len(self.asked)
            is_last = number >= self.turns
            call = ("finish", {"summary": "done"}) if is_last else (
                "read_file", {"path": "notes.txt", "offset": number, "limit": 2})
            body = server.as_stream(server.completion(call, number, 100)).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self.answered.append(time.monotonic())


def cpu_time(pid):
    """Milliseconds on a processor of all its threads, those that have ended among them; children
    not counted."""
    return 1e3 * time.clock_gettime((~pid << 3) | 2)  # the clock that clock_getcpuclockid() gives


def resident(pid, field):
    """Megabytes (10^6 bytes)."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def run(options, meter, turns, folder):
    """One run of corvid with its files in `folder`: start in ms, memory at the first request and at
    the most, turns in ms, processor time to the first request and per turn."""
    (folder / "work").mkdir(exist_ok=True)
    (folder / "work/notes.txt").write_text("".join(f"line {i}\n" for i in range(1000)))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "OPENAI_API_KEY": "none",
                   "OPENAI_BASE_URL": meter.url}
    for name in ("DATA", "CACHE", "CONFIG"):
        environment[f"XDG_{name}_HOME"] = str(folder / name.lower())
    meter.turns = turns
    meter.begin()
    command = [str(options.build / "corvid"), "run", "Read the notes.", "--workspace",
               str(folder / "work"), "--model", "openai:scripted", "--max-turns", str(turns + 1)]
    begin = time.monotonic()
    meter.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0.0
    while meter.process.poll() is None:
        try:
            peak = max(peak, resident(meter.process.pid, "VmHWM"))
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.005)
    if meter.process.returncode != 0 or len(meter.asked) != turns:
        raise SystemExit(f"corvid ended with {meter.process.returncode} after "
                         f"{len(meter.asked)} requests: {meter.process.stderr.read().decode()}")
    pairs = zip(meter.answered, meter.asked[1:])
    return (1e3 * (meter.asked[0] - begin), meter.first_memory, peak,
            [1e3 * (asked - answered) for answered, asked in pairs],
            meter.cpu[0], (meter.cpu[-1] - meter.cpu[0]) / max(1, len(meter.cpu) - 1))


def process_floor():
    """Milliseconds to start and await the least program."""
    begin = time.monotonic()
    subprocess.run(["/bin/true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return 1e3 * (time.monotonic() - begin)


def fsync_floor(folder):
    """Milliseconds for one append of 200 bytes that is on disk."""
    with open(folder / "floor", "ab") as file:
        begin = time.monotonic()
        file.write(b"x" * 200)
        file.flush()
        os.fsync(file.fileno())
        return 1e3 * (time.monotonic() - begin)


def row(name, unit, values, target, floor, floor_name):
    values = sorted(values)
    median = statistics.median(values)
    p10, p90 = values[len(values) // 10], values[len(values) * 9 // 10 - (len(values) % 10 == 0)]
    verdict = "met" if median < target else "MISSED"
    print(f"| {name} | {median:.2f} {unit} | {values[0]:.2f} | {p10:.2f} to {p90:.2f} | {len(values)} "
          f"| < {target} {unit} | {verdict} | {floor:.2f} {unit} ({floor_name}) |", flush=True)
    return {"name": name, "unit": unit, "median": median, "min": values[0], "p10": p10, "p90": p90,
            "count": len(values), "target": target, "floor": floor}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=ROOT / "build/release", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--turns", type=int, default=50, help="of the run that measures turns")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    options.build = options.build.resolve()
    meter = Server()
    # Folders stay to the end: ext4 looks long for a free inode while many were freed just now.
    base = pathlib.Path(tempfile.mkdtemp(prefix="harness-cost-"))
    try:
        measure(options, meter, base)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def measure(options, meter, base):
    def new_folder(name):
        (base / name).mkdir()
        return base / name

    used = new_folder("used")
    run(options, meter, 2, used)  # files into the cache
    starts, firsts, peaks, floors, cpu_starts, again, cpu_again = [], [], [], [], [], [], []
    for number in range(options.runs):
        start, first, peak, _, cpu_start, _ = run(options, meter, 2, new_folder(str(number)))
        starts.append(start)
        cpu_starts.append(cpu_start)
        firsts.append(first)
        peaks.append(peak)
        floors.append(process_floor())
        start, _, _, _, cpu_start, _ = run(options, meter, 2, used)
        again.append(start)
        cpu_again.append(cpu_start)
    _, _, _, turns, _, cpu_turn = run(options, meter, options.turns, new_folder("turns"))
    with tempfile.TemporaryDirectory() as folder:
        syncs = [fsync_floor(pathlib.Path(folder)) for _ in range(options.turns)]
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}"
          + (": the machine is busy, times are upper bounds" if load > os.cpu_count() / 2 else ""))
    print("| what | median | least | 10 % to 90 % | n | target | | floor |\n"
          "|---|---|---|---|---|---|---|---|")
    rows = [
        row("start to first request", "ms", again, TARGETS["start_ms"],
            statistics.median(floors), "start of true"),
        row("of it on a processor", "ms", cpu_again, TARGETS["start_ms"], 0, "none"),
        row("the same, the first run here", "ms", starts, TARGETS["start_ms"],
            statistics.median(floors), "start of true"),
        row("of it on a processor", "ms", cpu_starts, TARGETS["start_ms"], 0, "none"),
        row("resident at first request", "MB", firsts, TARGETS["memory_mb"], 0, "none"),
        row("resident at the most", "MB", peaks, TARGETS["memory_mb"], 0, "none"),
        row("loop per turn", "ms", turns, TARGETS["turn_ms"], statistics.median(syncs), "one fsync"),
        row("of it on a processor, mean", "ms", [cpu_turn], TARGETS["turn_ms"], 0, "none"),
    ]
    sandbox = options.build / "tests/bench/sandbox_cost"
    if sandbox.exists():
        samples = json.loads(subprocess.run([sandbox, str(options.runs)], check=True,
                                            capture_output=True).stdout)
        plain = statistics.median(samples["none"])
        for name, title in (("linux", "sandboxed true less true"),
                            ("proxy", "the same with the proxy of --allow-host")):
            rows.append(row(title, "ms", [value - plain for value in samples[name]],
                            TARGETS["sandbox_ms"], plain, "true unconfined"))
    else:
        print(f"(no sandbox row: build {sandbox.name} first)")
    if options.json:
        options.json.write_text(json.dumps({"load": load, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
