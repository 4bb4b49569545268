#include "tools/support/tracer_text.h"

namespace corvid::tools {

// The first half of _corvid_trace.py: counting lines, and writing what was counted.
static constexpr std::string_view kTracerCore =
    R"python("""Records which lines each test executes and where failures come from."""
import atexit
import os
import sys
import time

ROOT = os.environ.get("CORVID_TRACE_ROOT", "")
OUT = os.environ.get("CORVID_TRACE_OUT", "")
SECONDS = float(os.environ.get("CORVID_TRACE_SECONDS", "60"))
PARENT_TEST = os.environ.get("CORVID_TRACE_TEST", "")
PREFIX = ROOT.rstrip("/") + "/"
FOREIGN = ("/site-packages/", "/dist-packages/", "/.venv/", "/venv/", "/.tox/", "/.nox/")
QUIET_MAX = 4000  # line events of one function without a new line, after which it is left alone
FRAMES_MAX = 60
TRACEBACKS_MAX = 200
NAMES_MAX = 500
OUTPUTS_MAX = 64
LINES_MAX = 400000

# Taken now, because tests replace such functions.
_now = time.monotonic
_pid = os.getpid
_put, _unset = os.putenv, os.unsetenv
_abspath, _realpath = os.path.abspath, os.path.realpath
_open, _write, _close, _rename, _list = os.open, os.write, os.close, os.rename, os.listdir

_start = _now()
_first_pid = _pid()
_names = {}  # file name as the code has it -> path relative to ROOT, "" when it is none of ours
_codes = {}  # id of a code object -> _Code; keeps the code alive
_touched = []
_counts = {}  # path -> {line: [failing, passing]}
_outside = {}  # path -> set of lines
_tracebacks = []
_failing_names = []
_totals = {"failed": 0, "passed": 0}
_current = None
_ticks = 0
_line_total = 0
_is_tracing = False
_last_dump = 0.0
_monitoring = None


class _Code(object):
    __slots__ = ("code", "path", "seen", "quiet", "local")

    def __init__(self, code, path):
        self.code, self.path, self.seen, self.quiet = code, path, set(), 0
        self.local = self.line

    def line(self, frame, event, arg):
        if event == "line":
            number = frame.f_lineno
            if number in self.seen:
                self.quiet += 1
                if self.quiet > QUIET_MAX:
                    frame.f_trace_lines = False
                    _check_budget()
            else:
                self.add(number)
        return self.local

    def add(self, number):
        if not self.seen:
            _touched.append(self)
        self.seen.add(number)
        self.quiet = 0


def _path_of(name):
    """Path relative to ROOT, "" for files that are not of the project."""
    path = _names.get(name)
    if path is None:
        path = ""
        if name and name[0] != "<":
            full = _abspath(name)
            if not full.startswith(PREFIX):
                full = _realpath(full)
            if full.startswith(PREFIX) and not any(part in full for part in FOREIGN):
                path = full[len(PREFIX):]
        if len(_names) < 100000:
            _names[name] = path
    return path


def _code_of(code):
    state = _codes.get(id(code))
    if state is None or state.code is not code:
        path = _path_of(code.co_filename)
        if not path:
            return None
        state = _codes[id(code)] = _Code(code, path)
    return state


def _trace(frame, event, arg):
    global _ticks
    code = frame.f_code
    path = _names.get(code.co_filename)
    if path == "" or (path is None and not _path_of(code.co_filename)):
        return None
    _ticks += 1
    if _ticks & 1023 == 0:
        _check_budget()
    state = _code_of(code)
    if state is None or state.quiet > QUIET_MAX or not _is_tracing:
        return None
    return state.local


def _on_start(code, offset):
    state = _code_of(code)
    if state is not None and _is_tracing:
        _monitoring.set_local_events(_tool, code, _monitoring.events.LINE)
    return _monitoring.DISABLE


def _on_line(code, number):
    state = _code_of(code)
    if state is not None:
        state.add(number)
    return _monitoring.DISABLE


def _check_budget():
    if _is_tracing and (_now() - _start > SECONDS or _line_total > LINES_MAX):
        _stop_tracing()
        _dump(False)


def _stop_tracing():
    global _is_tracing
    _is_tracing = False
    if _monitoring is not None:
        _monitoring.set_events(_tool, 0)
        return
    if sys.gettrace() is _trace:
        sys.settrace(None)
    threads = sys.modules.get("threading")
    if threads is not None and getattr(threads, "_trace_hook", None) is _trace:
        threads.settrace(None)


def _harvest(outcome):
    """Moves what was seen since the last call to where `outcome` puts it."""
    global _line_total
    touched = _touched[:]
    del _touched[:]
    for state in touched:
        seen, state.seen, state.quiet = state.seen, set(), 0
        if outcome == "outside":
            _outside.setdefault(state.path, set()).update(seen)
        elif outcome in ("failed", "passed"):
            lines = _counts.setdefault(state.path, {})
            for number in seen:
                count = lines.get(number)
                if count is None:
                    count = lines[number] = [0, 0]
                    _line_total += 1
                count[outcome == "passed"] += 1
    if _monitoring is not None and _is_tracing:
        _monitoring.restart_events()


def _begin(name):
    global _current
    _harvest("outside")
    _current = name
    # Python programs that the test starts say whose lines theirs are; os.environ stays as it is.
    _put("CORVID_TRACE_TEST", name.replace("\0", "")[:1000])


def _end(outcome):
    global _current
    name, _current = _current, None
    if PARENT_TEST:
        _put("CORVID_TRACE_TEST", PARENT_TEST)
    else:
        _unset("CORVID_TRACE_TEST")
    _harvest(outcome if _is_tracing else "dropped")
    if _is_tracing and outcome in _totals:
        _totals[outcome] += 1
    if outcome == "failed" and len(_failing_names) < NAMES_MAX:
        _failing_names.append(name)
        if len(_failing_names) == 1 or _now() - _last_dump > 1:
            _dump(False)


def _frames_of(trace):
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        path = _path_of(code.co_filename)
        if path:
            frames.append((path, trace.tb_lineno, code.co_name))
            if len(frames) > 2 * FRAMES_MAX:
                del frames[:FRAMES_MAX]
        trace = trace.tb_next
    return frames[-FRAMES_MAX:]


def _frames_of_text(text):
    """The frames of a traceback that is part of a message (modules that cannot be imported)."""
    import re
    frames = []
    for found in re.finditer(r'^ *File "([^"\n]+)", line (\d+)(?:, in (\S+))?', text, re.M):
        path = _path_of(found.group(1))
        if path:
            frames.append((path, int(found.group(2)), found.group(3) or ""))
    return frames[-FRAMES_MAX:]


def _note_exception(value, trace):
    for _ in range(3):  # the exception, then what it was raised from
        if value is None or len(_tracebacks) >= TRACEBACKS_MAX:
            return
        frames = _frames_of(trace)
        if not frames and isinstance(value, ImportError):
            frames = _frames_of_text(str(value))
        if isinstance(value, SyntaxError) and value.filename and value.lineno:
            path = _path_of(value.filename)
            if path:
                frames.append((path, value.lineno, "<module>"))
        if frames:
            _tracebacks.append(frames)
        value = value.__cause__ or (None if value.__suppress_context__ else value.__context__)
        trace = value.__traceback__ if value is not None else None


def _running():
    if _current is None:
        return None
    frames = []
    frame = sys._getframe()
    while frame is not None and len(frames) < FRAMES_MAX:
        path = _path_of(frame.f_code.co_filename)
        if path:
            frames.append((path, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return {"name": _current, "frames": frames[::-1]}


def _dump(is_final):
    global _last_dump
    if _pid() != _first_pid or not OUT:
        return
    try:
        import json
        _last_dump = _now()
        files = {}

        def index(path):
            return files.setdefault(path, len(files))

        lines = {}
        for path, counts in list(_counts.items()):
            flat = lines[index(path)] = []
            for number, (failing, passing) in sorted(counts.items()):
                flat += (number, failing, passing)
        outside = dict((index(path), sorted(seen)) for path, seen in list(_outside.items()))
        running = None if is_final else _running()
        tracebacks = [[(index(f[0]), f[1], f[2]) for f in each] for each in _tracebacks]
        if running:
            running["frames"] = [(index(f[0]), f[1], f[2]) for f in running["frames"]]
        text = json.dumps({
            "version": 1, "finished": is_final, "inherited": PARENT_TEST,
            "failing": _totals["failed"], "passing": _totals["passed"],
            "failing_names": _failing_names, "lines": lines, "outside": outside,
            "tracebacks": tracebacks, "running": running, "files": list(files)})
        name = "%s/trace-%d.json" % (OUT, _first_pid)
        fd = _open(name + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        data = text.encode("utf-8", "replace")
        while data:
            data = data[_write(fd, data):]
        _close(fd)
        _rename(name + ".tmp", name)
    except Exception:
        pass


def _at_exit():
    try:
        _stop_tracing_quietly()
        if _current is not None:
            _end("failed")  # the program ended in the middle of a test
        _harvest("outside")
        # Set by the interpreter for an exception that nobody caught, but not for SystemExit.
        value = getattr(sys, "last_value", None)
        if value is not None and not _totals["failed"]:
            _note_exception(value, getattr(sys, "last_traceback", None) or value.__traceback__)
        _dump(True)
    except Exception:
        pass


def _stop_tracing_quietly():
    global _monitoring
    if _is_tracing:
        if _monitoring is None:
            if sys.gettrace() is _trace:
                sys.settrace(None)
        else:
            _monitoring.set_events(_tool, 0)
            _monitoring = None
)python";

std::string_view tracer_core_text() { return kTracerCore; }

}  // namespace corvid::tools
