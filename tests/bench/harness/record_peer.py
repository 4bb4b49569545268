"""Runs corvid against llama-cpp-python's server and keeps what the server answers, byte for byte.

    python3 -m venv .work/peer && .work/peer/bin/pip install 'llama-cpp-python[server]'
    ninja -C build/release corvid
    .work/peer/bin/python tests/bench/harness/record_peer.py --model FILE.gguf [--keep]

Between corvid and the server stands a recorder that hands requests and answers on. What corvid
makes of each answer is checked against what this program reads in it; --keep writes the answers to
tests/golden/llama_cpp_server, which tests/runtime/peer_test.cc replays. A model without training
calls no tool by itself and says nothing useful: where a call is wanted, the recorder adds
`tool_choice` to corvid's request.
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import server

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/golden/llama_cpp_server"
WINDOW = 8192


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Recorder(server.Listener):
    """Hands requests on, each changed by `change`, and keeps the answers."""

    def __init__(self, upstream):
        self.upstream, self.change, self.answers = upstream, lambda body: None, []
        super().__init__()

    def talk(self, connection):
        head, body, _ = server.read_request(connection)
        if head is None:
            return connection.close()
        request = json.loads(body)
        self.change(request)
        body = json.dumps(request).encode()
        line = head.split(b"\r\n")[0]
        with socket.create_connection(("127.0.0.1", self.upstream)) as upstream:
            upstream.sendall(line + b"\r\nHost: localhost\r\nConnection: close\r\n"
                             b"Content-Type: application/json\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(body) + body)
            answer = b""
            while piece := upstream.recv(1 << 16):
                answer += piece
                connection.sendall(piece)
        self.answers.append(answer)
        connection.close()


def body_of(answer):
    head, body = answer.split(b"\r\n\r\n", 1)
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    whole = b""
    while body:
        size, rest = body.split(b"\r\n", 1)
        whole += rest[:int(size, 16)]
        body = rest[int(size, 16) + 2:]
    return whole


def reading_of(answer):
    """Text, calls and tokens of an answer, or None where there is no completion in it."""
    if not answer.startswith(b"HTTP/1.1 200"):
        return None
    body = body_of(answer).decode()
    if b"text/event-stream" in answer.split(b"\r\n\r\n", 1)[0].lower():
        parts = [json.loads(line[6:]) for line in body.splitlines()
                 if line.startswith("data: ") and line != "data: [DONE]"]
        messages = [part["choices"][0]["delta"] for part in parts if part.get("choices")]
        if not messages:
            return None
    else:
        parts = [json.loads(body)]
        messages = [parts[0]["choices"][0]["message"]]
    reading = {"text": "", "calls": [], "prompt_tokens": 0, "completion_tokens": 0}
    for message in messages:
        reading["text"] += message.get("content") or ""
        for call in message.get("tool_calls") or []:
            if not reading["calls"]:
                reading["calls"].append({"name": call["function"]["name"], "arguments": ""})
            reading["calls"][0]["arguments"] += call["function"]["arguments"]
    for part in parts:
        for name in ("prompt_tokens", "completion_tokens"):
            reading[name] = (part.get("usage") or {}).get(name, reading[name])
    return reading


def force_call(request):
    request["tool_choice"] = {"type": "function", "function": {"name": "read_file"}}


def ask_whole(request):
    request["stream"] = False
    request.pop("stream_options", None)


def spoil(request):
    request["messages"] = "none"


CASES = {  # name: what the recorder changes, bytes of AGENTS.md
    "text": (lambda request: None, 0),
    "call": (force_call, 0),
    "whole": (ask_whole, 0),
    "whole_call": (lambda request: (ask_whole(request), force_call(request)), 0),
    "too_long": (lambda request: None, 30_000),
    "error": (spoil, 0),
}


def run_case(options, recorder, name):
    recorder.change, agents_bytes = CASES[name]
    recorder.answers = []
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "work").mkdir()
        (place / "work/a.txt").write_text("one\n")
        if agents_bytes:
            (place / "work/AGENTS.md").write_text("Mind this rule. " * (agents_bytes // 16))
        environment = {"PATH": os.environ["PATH"], "HOME": str(place), "OPENAI_API_KEY": "none",
                       "OPENAI_BASE_URL": recorder.url}
        for part in ("DATA", "CACHE", "CONFIG"):
            environment[f"XDG_{part}_HOME"] = str(place / part.lower())
        done = subprocess.run(
            [options.corvid, "run", "Read a.txt", "-w", place / "work", "--model", "openai:fixture",
             "--max-turns", "1", "--max-tokens", "12", "--no-memory", "--json"],
            env=environment, capture_output=True, text=True, timeout=300)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    answer = recorder.answers[0]
    expected = reading_of(answer)
    said = next((event["message"] for event in events
                 if event["type"] == "message_added" and event["message"]["role"] == "assistant"), None)
    result = events[-1]
    print(f"{name}: {answer.splitlines()[0].decode()}, {len(recorder.answers)} asked, "
          f"corvid: {result['status']}, {result['message'][:150]!r}")
    if expected is None:
        assert said is None and result["exit_code"] == 5, result
        return answer, None
    calls = [{"name": call["name"], "arguments": call["arguments"]} for call in said.get("calls", [])]
    assert (said["content"], calls) == (expected["text"], expected["calls"]), (said, expected)
    assert result["tokens"]["generated"] == expected["completion_tokens"], (result, expected)
    return answer, expected


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--corvid", default=ROOT / "build/release/corvid", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    port = free_port()
    peer = subprocess.Popen(
        [sys.executable, "-m", "llama_cpp.server", "--model", options.model, "--host", "127.0.0.1",
         "--port", str(port), "--n_ctx", str(WINDOW), "--n_threads", "1", "--model_alias",
         "fixture", "--chat_format", "chatml-function-calling"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        recorder = Recorder(port)
        expected = {}
        for name in CASES:
            answer, expected[name] = run_case(options, recorder, name)
            if options.keep:
                GOLDEN.mkdir(parents=True, exist_ok=True)
                (GOLDEN / f"{name}.http").write_bytes(answer)
        if options.keep:
            (GOLDEN / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    finally:
        peer.terminate()
        peer.wait()


if __name__ == "__main__":
    main()
