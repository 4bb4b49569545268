"""A scripted OpenAI-compatible server on 127.0.0.1: a test double for a model, and a meter.

It answers the k-th request of a task with the k-th step of the task's plan, in the calls of the
harness that asks, and counts the tokens of everything it is sent.
"""

import http.server
import json
import shlex
import socket
import threading


def corvid(step):
    kind, *rest = step
    if kind == "check":
        return "shell", {"command": rest[0]}
    if kind == "read":
        return "read_file", {"path": rest[0]}
    if kind == "edit":
        return "edit_file", {"path": rest[0], "old_text": rest[1], "new_text": rest[2]}
    return "finish", {"summary": "Done; the check passes."}


def mini(step):
    """mini-swe-agent knows one tool, bash."""
    kind, *rest = step
    if kind == "check":
        command = rest[0]
    elif kind == "read":
        command = f"nl -ba {shlex.quote(rest[0])}"
    elif kind == "edit":
        path, old, new = rest
        command = (
            "python3 - <<'PY'\nimport pathlib\n"
            f"p = pathlib.Path({path!r})\nt = p.read_text()\n"
            f"p.write_text(t.replace({old!r}, {new!r}, 1))\nPY"
        )
    else:
        command = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
    return "bash", {"command": command}


DIALECTS = {"corvid": corvid, "mini-swe-agent": mini}


def plan_of(task):
    steps = [("check", task.check)] + [("read", path) for path in task.reads]
    steps += [("edit", *edit) for edit in task.edits]
    return steps + [("check", task.check), ("finish",)]


class Meter:
    """What one run of one task sent."""

    def __init__(self, task, dialect, count_tokens):
        self.steps = [dialect(step) for step in plan_of(task)]
        self.count_tokens = count_tokens
        self.requests = 0
        self.sent = self.sent_again = self.fixed = 0
        self.last = ""

    def take(self, body):
        """The next reply's call; None when the plan is at its end."""
        # What a server without a cache reads anew: tools and messages, in the order in which
        # templates put them.
        text = json.dumps([body.get("tools"), body["messages"]], ensure_ascii=False)
        common = 0
        for a, b in zip(text, self.last):
            if a != b:
                break
            common += 1
        tokens = self.count_tokens(text)
        if self.requests == 0:
            system = [m for m in body["messages"] if m["role"] == "system"]
            self.fixed = self.count_tokens(json.dumps([body.get("tools"), system], ensure_ascii=False))
        self.sent += tokens
        self.sent_again += self.count_tokens(text[:common]) if common else 0
        self.last = text
        self.requests += 1
        return self.steps[min(self.requests, len(self.steps)) - 1]


def completion(call, number, prompt_tokens):
    name, arguments = call
    return {
        "id": f"c{number}", "object": "chat.completion", "created": 0, "model": "scripted",
        "choices": [{
            "index": 0, "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": "Next step.", "tool_calls": [{
                "id": f"call_{number}", "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }]},
        }],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 40,
                  "total_tokens": prompt_tokens + 40},
    }


def as_stream(reply):
    """The same as server-sent events, in three pieces."""
    choice = reply["choices"][0]
    call = choice["message"]["tool_calls"][0]
    pieces = [
        {"delta": {"role": "assistant", "content": choice["message"]["content"]}},
        {"delta": {"tool_calls": [{"index": 0, **call}]}},
        {"delta": {}, "finish_reason": "tool_calls"},
    ]
    head = {**reply, "object": "chat.completion.chunk"}
    lines = [json.dumps({**head, "choices": [{"index": 0, **piece}], "usage": None}) for piece in pieces]
    lines.append(json.dumps({**head, "choices": []}))
    return "".join(f"data: {line}\n\n" for line in lines) + "data: [DONE]\n\n"


class Listener:
    """Serves connections on 127.0.0.1, each in a thread of its own; a subclass has
    talk(connection).
    """

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"

    def serve(self):
        while True:
            connection = self.socket.accept()[0]
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()


def read_request(connection, data=b""):
    """(head, body, what came behind it) of the next request; `data` is what was read of it before.
    head is None where the other side has closed.
    """
    while b"\r\n\r\n" not in data:
        piece = connection.recv(1 << 16)
        if not piece:
            return None, b"", b""
        data += piece
    head, data = data.split(b"\r\n\r\n", 1)
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                  if line.startswith(b"content-length"))
    if b"expect: 100-continue" in head.lower():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(data) < length:
        data += connection.recv(1 << 16)
    return head, data[:length], data[length:]


class Server:
    def __init__(self):
        self.meter = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                before = outer.meter.sent
                call = outer.meter.take(body)
                reply = completion(call, outer.meter.requests, outer.meter.sent - before)
                streamed = bool(body.get("stream"))
                data = (as_stream(reply) if streamed else json.dumps(reply)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}/v1"
