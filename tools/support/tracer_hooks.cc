#include "tools/support/tracer_text.h"

namespace corvid::tools {

static constexpr std::string_view kSitecustomize =
    R"python("""Starts the tracer, then the sitecustomize that this file hides."""
import os
import sys


def _start():
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        import _corvid_trace
    except Exception:
        pass
    sys.path[:] = [each for each in sys.path if os.path.abspath(each) != here]
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize
    except ImportError:
        if getattr(sys.exc_info()[1], "name", "sitecustomize") != "sitecustomize":
            raise
    finally:
        if own is not None:
            sys.modules.setdefault("sitecustomize", own)


_start()
)python";

std::string_view sitecustomize_text() { return kSitecustomize; }

// The second half of _corvid_trace.py: where tests begin and end.
static constexpr std::string_view kTracerHooks =
    R"python(class _Quiet(object):
    """Nothing of ours may disturb the program."""

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        return kind is not None and issubclass(kind, Exception)


_quiet = _Quiet()


def _patch_unittest(module):
    original_run = module.TestCase.run

    def run(self, result=None):
        if _current is not None or result is None:
            return original_run(self, result)
        outcome = ["passed"]
        hooked = []

        def hook(name, note):
            original = getattr(result, name, None)
            if original is None:
                return

            def called(*args, **kwargs):
                with _quiet:
                    note(*args)
                return original(*args, **kwargs)

            with _quiet:
                hooked.append((name, name in vars(result), original))
                setattr(result, name, called)

        def failed(test, error, *rest):
            outcome[0] = "failed"
            _note_exception(error[1], error[2])

        def subtest(test, sub, error):
            if error is not None:
                failed(sub, error)

        def other(*rest):
            if outcome[0] == "passed":
                outcome[0] = "other"

        def unexpected(*rest):
            outcome[0] = "failed"

        with _quiet:
            hook("addError", failed)
            hook("addFailure", failed)
            hook("addSubTest", subtest)
            hook("addSkip", other)
            hook("addExpectedFailure", other)
            hook("addUnexpectedSuccess", unexpected)
            _begin(self.id())
        try:
            return original_run(self, result)
        finally:
            with _quiet:
                for name, was_own, original in hooked:
                    if was_own:
                        setattr(result, name, original)
                    else:
                        delattr(result, name)
                _end(outcome[0])

    run.__doc__ = original_run.__doc__
    run.__qualname__ = getattr(original_run, "__qualname__", "run")
    module.TestCase.run = run


def _patch_pytest(module):
    original_protocol = module.runtestprotocol
    original_make = module.pytest_runtest_makereport
    raised = {}  # what each phase of the test raised

    def pytest_runtest_makereport(item, call):
        with _quiet:
            raised[call.when] = getattr(call, "excinfo", None)
        return original_make(item, call)

    def runtestprotocol(item, *args, **kwargs):
        if _current is not None:
            return original_protocol(item, *args, **kwargs)
        reports = ()
        with _quiet:
            raised.clear()
            _begin(item.nodeid)
        try:
            # The reports as plugins have left them.
            reports = original_protocol(item, *args, **kwargs)
            return reports
        finally:
            outcome = "passed" if reports else "other"
            with _quiet:
                for report in reports:
                    if report.failed:
                        outcome = "failed"
                        if raised.get(report.when) is not None:
                            value = raised[report.when].value
                            _note_exception(value, value.__traceback__)
                    elif report.skipped and outcome == "passed":
                        outcome = "other"
            with _quiet:
                raised.clear()
                _end(outcome)

    for name in vars(original_make):  # what pytest's hook marker left there
        setattr(pytest_runtest_makereport, name, getattr(original_make, name))
    module.pytest_runtest_makereport = pytest_runtest_makereport
    module.runtestprotocol = runtestprotocol


def _patch_threading(module):
    if _monitoring is None and _is_tracing:
        module.settrace(_trace)


_PATCHES = {"unittest.case": _patch_unittest, "_pytest.runner": _patch_pytest,
            "threading": _patch_threading}


class _Finder(object):
    """Patches the modules of _PATCHES when the program imports them, and none before."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in _PATCHES:
            return None
        patch = _PATCHES.pop(name)
        for finder in sys.meta_path:
            find = None if finder is cls else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find else None
            if spec is None:
                continue
            with _quiet:
                original = spec.loader.exec_module

                def exec_module(module):
                    with _quiet:
                        del spec.loader.exec_module
                    original(module)
                    with _quiet:
                        patch(module)

                spec.loader.exec_module = exec_module
            return spec
        return None


def _install():
    global _is_tracing, _monitoring, _tool
    if not ROOT or not OUT or len(_list(OUT)) >= OUTPUTS_MAX:
        return
    os.environ.pop("CORVID_TRACE_TEST", None)
    if PARENT_TEST:
        _put("CORVID_TRACE_TEST", PARENT_TEST)  # for the programs that this one starts
    _is_tracing = True
    if hasattr(sys, "monitoring"):
        for tool in (4, 3, 2):
            if sys.monitoring.get_tool(tool) is None:
                _monitoring, _tool = sys.monitoring, tool
                break
    if _monitoring is not None:
        _monitoring.use_tool_id(_tool, "corvid")
        events = _monitoring.events
        _monitoring.register_callback(_tool, events.PY_START, _on_start)
        _monitoring.register_callback(_tool, events.LINE, _on_line)
        _monitoring.set_events(_tool, events.PY_START)
    else:
        sys.settrace(_trace)
    for name in list(_PATCHES):
        if name in sys.modules:
            _PATCHES.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _Finder)
    atexit.register(_at_exit)


_install()
)python";

std::string_view tracer_hooks_text() { return kTracerHooks; }

}  // namespace corvid::tools
