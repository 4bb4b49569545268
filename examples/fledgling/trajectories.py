"""Driving trajectories: Corvid's own loop, rendered exactly as the product renders it.

A project is made up around a real file of the corpus that holds a real function with a synthetic bug: names, folders, a
test file, a check command and what that check prints (unittest and pytest, tracebacks, failures, errors). Then the loop:
run the check, read the file that fails, ask for suggestions, apply the first, finish; after a failed check the next.

Which file is read: the innermost frame of the traceback that is a file of the project and no test; where there is none,
the test file that the traceback names, and then the module that this test imports.

    python3 trajectories.py [--count N] [--role heldout]    prints rendered trajectories
"""

import argparse
import difflib
import json
import pathlib
import random
import re

import tokenizer
from ranking import FULL, Sample

HERE = pathlib.Path(__file__).resolve().parent
PROFILE = json.loads((HERE / "profile.json").read_text())
OUTPUT_BYTES = PROFILE["tool_output_bytes"]
TOKENS_MAX = 2600


# ---- the product's formats -------------------------------------------------------------------------------------------

def head_and_tail(text, limit=OUTPUT_BYTES):
    """The head_and_tail() of runtime/base/text.cc, for text without invalid UTF-8."""
    data = text.encode()
    if len(data) <= limit:
        return text
    end, start = limit // 2, len(data) - limit // 2
    while end > 0 and data[end] & 0xC0 == 0x80:
        end -= 1
    while start < len(data) and data[start] & 0xC0 == 0x80:
        start += 1
    return f"{data[:end].decode()}\n[... {start - end} bytes left out ...]\n{data[start:].decode()}"


def call(name, **arguments):
    return {"name": name, "arguments": arguments}


def assistant(a_call):
    return {"role": "assistant", "content": "", "calls": [a_call]}


def rendered(messages, tools):
    """[(text, is the model's own)] of a conversation as template.jinja renders it."""
    pieces = []
    for m in messages:
        if m["role"] == "assistant":
            body = m["content"] + "".join(f"<tool_call>\n{json.dumps(c, ensure_ascii=False)}\n</tool_call>" for c in m["calls"])
            pieces += [("<|im_start|>assistant\n", False), (body + "<|im_end|>", True), ("\n", False)]
        else:
            extra = f"\nTools: {', '.join(tools)}" if m["role"] == "system" and tools else ""
            pieces.append((f"<|im_start|>{m['role']}\n{m['content']}{extra}<|im_end|>\n", False))
    return pieces


# Values in a call that decide something: tokens in them weigh more than those that are always the same.
DECIDED = re.compile(r'"(name|path|choice)": "([^"]*)')
WEIGHTS = {"name": 3.0, "path": 8.0, "choice": 4.0}


def encode(codec, pieces):
    """ids, and for each id its weight in the loss, 0 for what the model did not write. Pieces meet at special tokens, so
    encoding them apart is exact."""
    ids, weights = [], []
    for text, mine in pieces:
        part = codec.parsed(text)
        ids += part
        if not mine:
            weights += [0.0] * len(part)
            continue
        spans = [(*m.span(2), WEIGHTS[m[1]]) for m in DECIDED.finditer(text)]
        at = 0
        for token in part:
            weights.append(next((w for a, b, w in spans if a <= at < b), 0.5))
            at += len(codec.text([token]))
    return ids, weights


def read_result(path, lines):
    shown = lines if len(lines) <= 400 else lines[:200]
    body = "".join(f"{i}|{t}\n" for i, t in enumerate(shown, 1))
    return f"{path}, lines {1 if lines else 0}-{len(shown)} of {len(lines)}\n{body}"


def describe(choice):
    identity, path, line, old, new = choice
    if old is None:
        return f"{identity} {path}:{line} + {new}"
    if new is None:
        return f"{identity} {path}:{line} x {old}"
    return f"{identity} {path}:{line} - {old} -> {new}"


# ---- material ----------------------------------------------------------------------------------------------------------

class Corpus:
    """Functions with bugs of one role, their files, and words for names."""

    def __init__(self, work, role, source, limit=30000):
        self.work, self.source = pathlib.Path(work), source
        with open(self.work / "bugs" / f"{role}.jsonl") as file:
            rows = [line for line in file if source.random() < 0.6 or role != "network"]
        source.shuffle(rows)
        self.bugs = [json.loads(r) for r in rows[:limit]]
        words, stems = {}, {}
        for bug in self.bugs:
            for word in map(str.lower, re.findall(r"[A-Z]?[a-z]{2,11}", bug["qualname"])):
                words[word] = 1
            parts = bug["path"].removesuffix(".py").split("/")
            for part in parts:
                if re.fullmatch(r"[a-z][a-z0-9_]{1,20}", part) and not part.startswith("test"):
                    stems[part] = 1
        self.words, self.stems = list(words), list(stems)

    def word(self):
        return self.source.choice(self.words)

    def name(self):
        """A module's or folder's name."""
        if self.source.random() < 0.6:
            return self.source.choice(self.stems)
        return "_".join(self.word() for _ in range(self.source.choice([1, 1, 2])))

    def bug(self):
        """A bug record and the lines of its buggy file, at most 700; None when the file is larger."""
        record = self.source.choice(self.bugs)
        lines = (self.work / "src" / record["file"]).read_text(errors="replace").split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        at = record["line"] - 1
        lines[at:at + 1] = [] if record["deleted"] else [record["buggy"]]
        if len(lines) > 700 or any(len(l) > 300 for l in lines[:40] + lines[-40:]):
            return None
        return record, lines


WORKSPACES = ["/work", "/workspace", "/tmp/{w}", "/home/{w}/{v}", "/root/{w}", "/tmp/tmp{w}/{v}", "/srv/{w}", "/home/user/src/{w}",
              "/var/tmp/{w}-{n}/workspace", "/tmp/{w}.{n}/{v}", "/build/{w}", "/repo", "/app", "/mnt/{w}/{v}/{u}", "/Users/{w}/{v}"]
CHECKS_UNITTEST = ["python3 -m unittest -q", "python3 -m unittest", "python -m unittest", "python3 -m unittest discover", "python3 -m unittest -v",
                   "python3 -m unittest discover -s tests", "python3 -m unittest discover -s tests -q", "python3 -m unittest {dotted}",
                   "python3 -m unittest -q {dotted}", "python3 {test}", "cd . && python3 -m unittest -q", "make test", "./run_tests.sh",
                   "python3 -W ignore -m unittest -q"]
CHECKS_PYTEST = ["pytest", "pytest -q", "python3 -m pytest", "python3 -m pytest -q", "python -m pytest -x -q", "pytest {test}", "pytest -q {test}",
                 "python3 -m pytest tests", "make check", "tox -q", "python3 -m pytest -q --tb=short", "python3 -m pytest -q -x {test}",
                 "python3 -m pytest -q -x -p no:cacheprovider {test}", "python3 -m pytest -q -x -p no:cacheprovider {other} {test}",
                 "python3 -m pytest -q -x -p no:cacheprovider {test} {other} --deselect '{other}::{case}::{name}'"]
TASKS = [
    "The tests fail. Find the bug and repair it.", "Fix the failing test.", "Fix the failing tests.", "The check fails. Repair it.",
    "There is a bug in this repository. Find it and fix it.", "Make the tests pass.", "One line in this project is wrong. Repair it.",
    "Tests are red since the last change; please fix.", "Please find out why the tests fail and fix the code.", "repair the bug",
    "Something broke in {stem}. Fix it.", "The function {function} is wrong. Repair it.", "{function} returns the wrong result. Fix it.",
    "There is a bug in {function} in {path}. Fix it.", "Fix {path}.", "{path}: {function} does not do what its tests say. Repair it.",
    "A bug was reported against {stem}: {function} misbehaves. Find the cause and correct it, but do not touch the tests.",
    "The function `{function}` in `{path}` has a bug. Repair it so that the check passes.", "Find the bug and repair it.",
    "Our nightly build is broken. The failing test is {test_name}. Change as little as possible.",
    "Users report {words}. Find the bug and repair it.", "{test_name} fails", "fix", "Mend the code so that the check succeeds.",
    "You are given a repository with one defect. Locate the defect, repair it with the smallest possible edit, and make sure that the "
    "check passes. Do not change the tests. Do not add dependencies. Context: {words}, {words}, {words}.",
    "Regression in {dotted_module}. {words} no longer works as before. Please restore the old behaviour.",
]
ERRORS = ["TypeError: unsupported operand type(s) for +: 'int' and 'str'", "KeyError: '{w}'", "IndexError: list index out of range",
          "AttributeError: 'NoneType' object has no attribute '{w}'", "NameError: name '{w}' is not defined", "ValueError: {w} {v}",
          "TypeError: {f}() missing 1 required positional argument: '{w}'", "ZeroDivisionError: division by zero",
          "UnboundLocalError: cannot access local variable '{w}' where it is not associated with a value",
          "AttributeError: '{C}' object has no attribute '{w}'", "TypeError: 'NoneType' object is not iterable", "RuntimeError: {w}",
          "TypeError: object of type 'int' has no len()", "RecursionError: maximum recursion depth exceeded", "AssertionError",
          "StopIteration", "OSError: [Errno 2] No such file or directory: '{w}'", "{C}Error: {w} {v} {u}"]
DEEPER = ["/usr/lib/python3.11/json/decoder.py", "/usr/lib/python3.11/re/__init__.py", "/usr/local/lib/python3.12/collections/__init__.py",
          "/usr/lib/python3/dist-packages/{w}/{v}.py", "/usr/local/lib/python3.11/site-packages/{w}/{v}.py", "<string>",
          "/usr/lib/python3.11/functools.py", "<frozen importlib._bootstrap>", "/opt/venv/lib/python3.10/site-packages/{w}/core.py"]
MEMORY = ["Remembered from earlier work (may be out of date):\n{lines}", "From memory:\n{lines}", "Memory:\n{lines}"]


def dotted_name(path):
    return path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/").removeprefix("lib/").replace("/", ".")


class Project:
    """The made-up project of one trajectory."""

    def __init__(self, corpus, source, record, lines):
        self.corpus, self.source, self.record, self.lines = corpus, source, record, lines
        choose = source.choice
        self.stem = corpus.name()
        package, extra = corpus.name(), corpus.name()
        shape = choose(["{p}/{m}.py"] * 6 + ["{m}.py", "{m}.py", "src/{p}/{m}.py", "{p}/{e}/{m}.py", "lib/{m}.py", "{p}/{e}/{m}.py", "{m}/__init__.py"])
        self.path = shape.format(p=package, e=extra, m=self.stem)
        self.folder = self.path.rpartition("/")[0]
        self.dotted = dotted_name(self.path)
        test_of = self.stem if source.random() < 0.7 else corpus.name()
        tests = choose(["tests/test_{t}.py"] * 6 + ["test_{t}.py", "test_{t}.py", "tests/unit/test_{t}.py", "{p}/tests/test_{t}.py", "tests/{t}_test.py",
                        "test/test_{t}.py", "tests/test_{p}.py", "tests.py", "tests/{p}/test_{t}.py",
                        "tests/test_{p}/{e}/test_{t}.py"])
        self.test = tests.format(t=test_of, p=package, e=extra)
        self.others = [f"{self.folder}/{corpus.name()}.py".lstrip("/") for _ in range(source.randrange(1, 4))]
        self.others = [o for o in self.others if o not in (self.path, self.test)]
        self.more = [choose(["{p}/{m}.py", "{m}.py", "tests/test_{m}.py", "{p}/__init__.py", "{e}/{m}.py"]).format(p=package, e=extra, m=corpus.name())
                     for _ in range(8)]
        self.case = "".join(w.capitalize() for w in test_of.split("_")) + choose(["Test", "Tests", "TestCase", "Case"])
        if source.random() < 0.5:
            self.case = "Test" + "".join(w.capitalize() for w in test_of.split("_"))
        self.function = record["qualname"].split(".")[-1]
        self.owner = record["qualname"].split(".")[0] if "." in record["qualname"] else None
        self.tests = list(dict.fromkeys("test_" + "_".join(corpus.word() for _ in range(choose([1, 2, 2, 3]))) for _ in range(source.randrange(2, 9))))
        if source.random() < 0.5:
            self.tests[0] = "test_" + self.function.strip("_")
        self.root = choose(WORKSPACES).format(w=corpus.word(), v=corpus.word(), u=corpus.word(), n=source.randrange(9999))
        self.python_lines()

    def fill(self, text):
        w = self.corpus.word
        return text.format(w=w(), v=w(), u=w(), f=self.function, C=w().capitalize())

    def files(self):
        """The Python files that exist, for constrained decoding."""
        return list(dict.fromkeys([self.path, self.test, *self.others, *self.more]))

    def python_lines(self):
        """The test file's text, with a known line for each test."""
        source, corpus = self.source, self.corpus
        imported = self.owner or self.function
        style = source.randrange(4) if "." in self.dotted else source.choice([0, 1])
        parent, _, leaf = self.dotted.rpartition(".")
        if style == 0 or style == 3:
            statement, prefix = f"from {self.dotted} import {imported}", ""
        elif style == 1:
            statement, prefix = f"import {self.dotted}", self.dotted + "."
        else:
            statement, prefix = f"from {parent} import {leaf}", leaf + "."
        head = ["import unittest"] if source.random() < 0.9 else []
        head += source.sample(["import os", "import sys", "import json", "import tempfile", "from unittest import mock", "import pytest"],
                              source.randrange(0, 3))
        wrong = [f"from {dotted_name(o)} import {corpus.word()}"
                 for o in self.others if source.random() < 0.3]
        imports = wrong + [statement]
        source.shuffle(imports)
        lines = ([f'"""Tests of {self.stem}."""', ""] if source.random() < 0.3 else []) + sorted(set(head)) + [""] + imports + ["", ""]
        lines += [f"class {self.case}(unittest.TestCase):"]
        self.test_lines = {}
        for name in self.tests:
            lines += ["", f"    def {name}(self):"]
            for _ in range(source.choice([0, 0, 1, 2])):
                lines.append(f"        {corpus.word()} = {source.choice(['[]', '{}', '0', repr(corpus.word()), corpus.word() + '()'])}")
            expression = self.expression(prefix)
            self.test_lines[name] = len(lines) + 1, source.choice([
                f"        self.assertEqual({expression}, {source.randrange(50)})", f"        self.assertEqual({expression}, {corpus.word()!r})",
                f"        self.assertTrue({expression})", f"        assert {expression} == {source.randrange(9)}",
                f"        result = {expression}"])
            lines.append(self.test_lines[name][1])
        if source.random() < 0.7:
            lines += ["", "", 'if __name__ == "__main__":', "    unittest.main()"]
        self.test_file = lines

    def expression(self, prefix):
        source, word = self.source, self.corpus.word
        values = ", ".join(source.choice([str(source.randrange(20)), repr(word()), word(), "None", "[1, 2]"]) for _ in range(source.randrange(3)))
        if self.owner:
            return f"{prefix}{self.owner}({values}).{self.function}({source.choice(['', values])})"
        return f"{prefix}{self.function}({values})"

    def frames(self, test, deep):
        """[(path shown, line, function, text)]: the test, then for a deep failure the project's frames."""
        source = self.source
        line, text = self.test_lines[test]
        frames = [(self.test, line, test, text.strip())]
        if source.random() < 0.15:
            frames.append((self.test, source.randrange(1, len(self.test_file) + 1), "check_" + self.corpus.word(), self.test_file[line - 1].strip()))
        if deep:
            for other in self.others:
                if source.random() < 0.35:
                    frames.append((other, source.randrange(5, 200), self.corpus.word(), f"return {self.corpus.word()}({self.corpus.word()})"))
            first, last = self.record["first_line"], min(self.record["last_line"], len(self.lines))
            for _ in range(source.choice([1, 1, 2])):
                at = source.randrange(first, last + 1)
                frames.append((self.path, at, self.function, self.lines[at - 1].strip() or "pass"))
            if source.random() < 0.25:
                path = self.fill(source.choice(DEEPER))
                frames.append((path, source.randrange(5, 900), self.corpus.word(), f"{self.corpus.word()}({self.corpus.word()})"))
        return frames

    def context(self, path, line, function):
        """The lines that pytest shows above the failing one: its function from the `def` on."""
        lines = self.test_file if path == self.test else self.lines if path == self.path else []
        shown = [f"    def {function}(self):"] if self.source.random() < 0.7 else []
        for text in reversed(lines[max(0, line - 1 - self.source.choice([0, 3, 10, 25])):max(0, line - 1)]):
            shown.insert(1 if text.lstrip().startswith("def ") else 0, "    " + text[4:])
            if text.lstrip().startswith(("def ", "class ", "@")):
                shown = [x for x in shown if x != f"    def {function}(self):"]
                break
        return shown

    def error(self, deep):
        source = self.source
        if deep or source.random() < 0.1:
            return self.fill(source.choice(ERRORS))
        a, b = (source.choice([str(source.randrange(100)), repr(self.corpus.word()), "None", "[]", "True", "[1, 2, 3]"]) for _ in "ab")
        return f"AssertionError: " + source.choice([f"{a} != {b}", f"{a} is not true", f"{a} != {b} : {self.corpus.word()}", f"Lists differ: {a} != {b}",
                                                    f"{a} not found in {b}", "False is not true", f"{self.corpus.word().capitalize()}Error not raised"])


def unittest_output(project, failing, deep):
    source = project.source
    width = 70
    out = []
    if source.random() < 0.5:
        out.append("".join(source.choice("...FE") for _ in project.tests))
    if source.random() < 0.25:
        out.append(" ".join(project.corpus.word() for _ in range(source.randrange(2, 12))))
    module = project.test.removesuffix(".py").replace("/", ".")
    for test in failing:
        error = project.error(deep)
        kind = "FAIL" if error.startswith("AssertionError") else "ERROR"
        place = f"{module}.{project.case}" + (f".{test}" if source.random() < 0.7 else "")
        out += ["=" * width, f"{kind}: {test} ({place})", "-" * width, "Traceback (most recent call last):"]
        for path, line, function, text in project.frames(test, deep):
            shown = path if path[0] in "/<" else f"{project.root}/{path}"
            out += [f'  File "{shown}", line {line}, in {function}', f"    {text}"]
            if source.random() < 0.3:
                out.append("    " + " " * source.randrange(0, 9) + "^" * source.randrange(3, 30))
        out += [error, ""]
    out += ["-" * width, f"Ran {len(project.tests)} tests in {source.random() / 10:.3f}s", ""]
    out.append(f"FAILED ({'failures' if kind == 'FAIL' else 'errors'}={len(failing)})")
    return "\n".join(out) + "\n"


def pytest_output(project, failing, deep):
    source = project.source
    out = []
    if source.random() < 0.5:
        out += ["=" * 29 + " test session starts " + "=" * 30, "platform linux -- Python 3.11.7, pytest-8.3.2, pluggy-1.5.0", f"rootdir: {project.root}",
                f"collected {len(project.tests)} items", ""]
    out += [f"{project.test} " + "".join("F" if t in failing else "." for t in project.tests) + f"{'[100%]':>30}", "", "=" * 35 + " FAILURES " + "=" * 35]
    short = source.random() < 0.4
    summary = []
    for test in failing:
        error = project.error(deep)
        out.append(f" {project.case}.{test} ".center(80, "_"))
        frames = project.frames(test, deep)
        for i, (path, line, function, text) in enumerate(frames):
            shown = path if path[0] != "/" or path.startswith("/usr") else path
            last = i == len(frames) - 1
            if short:
                out += [f"{shown}:{line}: in {function}", f"    {text}"]
            else:
                if i == 0 and source.random() < 0.8:
                    out += ["", f"self = <{project.test.removesuffix('.py').replace('/', '.')}.{project.case} testMethod={test}>"]
                out += ["", *project.context(path, line, function), f">       {text}"]
                if last:
                    out += [f"E       {error}"]
                out += ["", f"{shown}:{line}: {error.split(':')[0] if last else ''}".rstrip()]
                if not last:
                    out.append("_ " * 40)
        if short:
            out.append(f"E   {error}")
        summary.append(f"FAILED {project.test}::{project.case}::{test} - {error}"[:120])
    out += ["=" * 27 + " short test summary info " + "=" * 28, *summary]
    if source.random() < 0.3:
        out.append("!" * 26 + f" stopping after {len(failing)} failures " + "!" * 26)
    out += [f"{len(failing)} failed, {len(project.tests) - len(failing)} passed in {source.random():.2f}s"]
    return "\n".join(out) + "\n"


# ---- one trajectory ----------------------------------------------------------------------------------------------------

def candidates(project, count):
    """[(id, path, line, old, new)], the bug's repair somewhere among edits of other lines."""
    source, record, word = project.source, project.record, project.corpus.word
    found = []
    lines = [i for i, l in enumerate(project.lines) if l.strip() and len(l) < 160]
    for k in range(count):
        at = source.choice(lines)
        text = project.lines[at].strip()
        names = re.findall(r"[A-Za-z_]\w*", text)
        path = project.path if source.random() < 0.8 or not project.others else source.choice(project.others)
        roll = source.random()
        if roll < 0.1:
            found.append((f"c{k + 1}", path, at + 1, None, f"{word()} = {word()}"))
        elif roll < 0.15:
            found.append((f"c{k + 1}", path, at + 1, text, None))
        elif roll < 0.35:
            found.append((f"c{k + 1}", path, at + 1, text, f"return {text}"))
        else:
            old = source.choice(names) if names else text
            found.append((f"c{k + 1}", path, at + 1, text, re.sub(rf"\b{re.escape(old)}\b", source.choice(names + [word()]), text, count=1)))
    if found and source.random() < 0.7:
        k = min(int(source.expovariate(0.6)), count - 1)
        if record["deleted"]:
            found[k] = (f"c{k + 1}", project.path, record["line"], None, record["correct"].strip())
        else:
            found[k] = (f"c{k + 1}", project.path, record["line"], record["buggy"].strip(), record["correct"].strip())
    return found


def diff_of(project, choice):
    """What edit_file prints after its first line for a choice: a unified diff."""
    _, path, line, old, new = choice
    lines = project.lines if path == project.path else [project.corpus.word() for _ in range(line + 5)]
    lines = list(lines) + [""] * max(0, line - len(lines))
    before = lines[line - 1]
    margin = before[:len(before) - len(before.lstrip())]
    after = lines[:line - 1] + ([margin + new] if new is not None else []) + ([] if old is not None else [before]) + lines[line:]
    return "".join(f"{l}\n" for l in difflib.unified_diff(lines, after, f"a/{path}", f"b/{path}", lineterm=""))


def compose(corpus, source):
    """One trajectory: {messages, files, command}; files: the Python files that exist. None to try again."""
    drawn = corpus.bug()
    if drawn is None:
        return None
    project = Project(corpus, source, *drawn)
    word = corpus.word
    pytest = source.random() < 0.35
    checks = CHECKS_PYTEST if pytest else CHECKS_UNITTEST
    command = source.choice(checks).format(
        test=project.test, dotted=project.test.removesuffix(".py").replace("/", "."), case=project.case, name=source.choice(project.tests),
        other=f"{project.test.rpartition('/')[0]}/test_{word()}.py".lstrip("/"))
    has_check = source.random() < 0.94
    deep = source.random() < 0.5
    failing = source.sample(project.tests, min(len(project.tests), source.choice([1, 1, 1, 1, 2, 3])))
    task = source.choice(TASKS).format(
        stem=project.stem, function=source.choice([project.function, project.record["qualname"], project.function + "()"]), path=project.path,
        test_name=failing[0], dotted_module=project.dotted, words=" ".join(word() for _ in range(source.randrange(1, 7))))
    for _ in range(source.choice([0, 0, 0, 0, 1, 3])):
        task += source.choice([" ", "\n"]) + " ".join(word() for _ in range(source.randrange(4, 20))).capitalize() + "."
    user = task + (f"\n\nCheck: {command}" if has_check else "")
    if source.random() < 0.15:
        user += "\n\n" + source.choice(MEMORY).format(lines="\n".join(
            f"[{source.choice('mts')}{source.randrange(1, 99)}] 2026-{source.randrange(1, 13):02}-{source.randrange(1, 29):02} "
            + " ".join(source.choice([word(), word(), project.stem, f"{corpus.name()}.py"]) for _ in range(source.randrange(4, 15)))
            for _ in range(source.randrange(1, 5))))
    messages = [{"role": "system", "content": PROFILE["system"]}, {"role": "user", "content": user}]

    def turn(a_call, result):
        messages.append(assistant(a_call))
        if result is not None:
            messages.append({"role": "tool", "content": head_and_tail(result)})

    output = (pytest_output if pytest else unittest_output)(project, failing, deep)
    roll = source.random()
    if has_check:
        if roll < 0.02:
            turn(call("shell", command=command), "exit code 0\n" + f"{'.' * len(project.tests)}\n{'-' * 70}\nRan {len(project.tests)} tests in 0.001s\n\nOK\n")
            turn(call("finish", summary="The check passes already."), None)
            return {"messages": messages, "files": project.files(), "command": command if has_check else None}
        silent = roll < 0.05
        shown = source.choice(["", "make: *** [test] Error 1\n", "Segmentation fault\n", "FAILED\n", " ".join(word() for _ in range(8)) + "\n"]) if silent else output
        shown = f"exit code {source.choice([1, 1, 1, 2])}\n" + shown
        turn(call("shell", command=command), shown)
        # What is left out of a long output names nothing.
        shown = head_and_tail(shown)
        deep = deep and re.search(rf"(?<![\w]){re.escape(project.path)}\b", shown) is not None
        silent = silent or not deep and project.test not in shown
    else:
        silent = True
    named = project.path in task
    if named and silent or not silent and deep:
        turn(call("read_file", path=project.path), read_result(project.path, project.lines))
    elif not silent:
        content = read_result(project.test, project.test_file)
        turn(call("read_file", path=project.test), content)
        turn(call("read_file", path=project.path), read_result(project.path, project.lines))
    count = source.choice([1, 2, 3, 5, 10, 10, 10, 10])
    choices = candidates(project, count)
    total = count if count < 10 else source.randrange(10, 257)
    listing = f"{total} candidates, best first:\n" + "".join(describe(c) + "\n" for c in choices) + (f"({total - count} more)\n" if total > count else "")
    if source.random() < 0.02:
        turn(call("suggest_edits"), "no candidates\n")
        turn(call("finish", summary="No candidate was found."), None)
        return {"messages": messages, "files": project.files(), "command": command if has_check else None}
    turn(call("suggest_edits"), listing)
    tries = min(count, 1 + int(source.expovariate(0.7)))
    for k in range(tries):
        identity, path, line, *_ = choices[k]
        before = f"took back {choices[k - 1][0]}\n" if k else ""
        turn(call("edit_file", choice=identity), f"{before}applied {identity} to {path}:{line}\n" + diff_of(project, choices[k]))
        turn(call("finish", summary=f"Applied {identity} to {path}:{line}."), None)
        if k + 1 < tries:
            again = output if source.random() < 0.7 else (pytest_output if pytest else unittest_output)(project, failing[:1], deep)
            if k > 1:
                again = again[-300:]
            messages.append({"role": "user", "content": f"The check fails (exit code 1).\n" + head_and_tail(again)})
    return {"messages": messages, "files": project.files(), "command": command if has_check else None}


def trajectories(work, role, source):
    """Endless composed trajectories from the bugs of a role."""
    corpus = Corpus(work, role, source)
    while True:
        try:
            made = compose(corpus, source)
        except (IndexError, ValueError, KeyError, OSError):
            made = None
        if made:
            yield made


def shortened(made, source):
    """A shorter trajectory, of which a model learns more per token: files of a few lines (tests keep their imports and
    what follows them), lists of a few candidates, or nothing after the last file that is read."""
    messages = made["messages"]
    if source.random() < 0.55:
        reads = [i for i, m in enumerate(messages) if m["role"] == "assistant" and m["calls"][0]["name"] == "read_file"]
        if reads:
            return {**made, "messages": messages[:reads[-1] + 1]}
    for m in messages:
        if m["role"] != "tool":
            continue
        head, *rest = m["content"].split("\n")
        if re.match(r".*\.py, lines ", head):
            name = head.split(",")[0].rpartition("/")[2]
            if not re.search(r"test", name):
                m["content"] = "\n".join([head, *rest[:source.randrange(3, 14)], ""])
        elif head.endswith("candidates, best first:") and len(rest) > 5:
            m["content"] = "\n".join([head, *rest[:source.randrange(3, 9)], "(200 more)\n"])
    return made


def offered(made):
    """Whether every choice that is taken was listed."""
    listing = "".join(m["content"] for m in made["messages"] if m["role"] == "tool" and "candidates, best first" in m["content"])
    taken = [m["calls"][0]["arguments"]["choice"] for m in made["messages"] if m["role"] == "assistant" and m["calls"][0]["name"] == "edit_file"]
    return all(f"\n{t} " in "\n" + listing for t in taken)


def samples(work, codec, source, role="network"):
    """Endless training samples; four of five are shortened."""
    tools = PROFILE["tools"]
    for made in trajectories(work, role, source):
        if source.random() < 0.8:
            made = shortened(made, source)
        ids, own = encode(codec, rendered(made["messages"], tools))
        if len(ids) > TOKENS_MAX or not offered(made):
            continue
        yield Sample(ids, [(p, ids[p + 1], own[p + 1], FULL) for p in range(len(ids) - 1) if own[p + 1]], "drive")


def short_messages(project):
    """Fragments of trajectories that end with one decision: which path, which choice, what to report."""
    source, choose = project.source, project.source.choice
    roll = source.random()
    if roll < 0.3:
        deep = source.random() < 0.65
        output = choose([pytest_output, unittest_output])(project, [choose(project.tests)], deep)
        result = head_and_tail("exit code 1\n" + output, choose([400, 600, 800, 1200]))
        deep = deep and re.search(rf"(?<!\w){re.escape(project.path)}\b", result) is not None
        if not deep and project.test not in result:
            raise ValueError("nothing is named")
        return [{"role": "tool", "content": result}, assistant(call("read_file", path=project.path if deep else project.test))]
    if roll < 0.55:
        deep = source.random() < 0.6
        frames = project.frames(choose(project.tests), deep)
        error = project.error(deep)
        style = source.randrange(4)
        lines = []
        for path, line, function, text in frames:
            if style < 2:
                shown = path if path[0] in "/<" else f"{project.root}/{path}"
                lines += [f'  File "{shown}", line {line}, in {function}', f"    {text}"]
            elif style == 2:
                lines += [f"{path}:{line}: in {function}", f"    {text}"]
            else:
                lines += [f">       {text}", "", f"{path}:{line}:"]
        lines += [error] if style < 2 else [f"E   {error}"]
        path = project.path if deep else project.test
        result = "exit code 1\n" + "\n".join(lines) + "\n"
        return [{"role": "tool", "content": result}, assistant(call("read_file", path=path))]
    if roll < 0.75:
        shown = project.test_file[:source.randrange(14, 24)]
        return [assistant(call("read_file", path=project.test)), {"role": "tool", "content": read_result(project.test, shown)},
                assistant(call("read_file", path=project.path))]
    choices = candidates(project, source.randrange(1, 7))
    k = source.randrange(len(choices))
    if roll < 0.82:
        k = 0
        before = [{"role": "tool", "content": f"{len(choices)} candidates, best first:\n" + "".join(describe(c) + "\n" for c in choices)}]
    else:
        before = [{"role": "user", "content": f"The check fails (exit code 1).\n{project.error(True)}\n"}]
        if k:
            earlier = choices[k - 1]
            before = [{"role": "tool", "content": f"applied {earlier[0]} to {earlier[1]}:{earlier[2]}\n"},
                      assistant(call("finish", summary=f"Applied {earlier[0]} to {earlier[1]}:{earlier[2]}.")), *before]
        else:
            before = [{"role": "tool", "content": "2 candidates, best first:\n"}]
    identity, path, line, *_ = choices[k]
    return [*before, assistant(call("edit_file", choice=identity)), {"role": "tool", "content": f"applied {identity} to {path}:{line}\n"},
            assistant(call("finish", summary=f"Applied {identity} to {path}:{line}."))]


def short_samples(work, codec, source, role="network"):
    """Endless samples of short_messages: many decisions per token."""
    corpus = Corpus(work, role, source)
    while True:
        try:
            drawn = corpus.bug()
            for _ in range(6 if drawn else 0):
                try:
                    messages = short_messages(Project(corpus, source, *drawn))
                except (IndexError, ValueError):
                    continue
                ids, own = encode(codec, rendered(messages, []))
                if len(ids) < 700:
                    yield Sample(ids, [(p, ids[p + 1], own[p + 1], FULL) for p in range(len(ids) - 1) if own[p + 1]], "locate")
        except (IndexError, ValueError, KeyError, OSError):
            continue


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=tokenizer.DEFAULT_WORK)
    arguments.add_argument("--role", default="heldout")
    arguments.add_argument("--count", type=int, default=3)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    source = trajectories(options.work, options.role, random.Random(options.seed))
    for _ in range(options.count):
        print("".join(t for t, _ in rendered(next(source)["messages"], PROFILE["tools"])))
        print("#" * 100)


if __name__ == "__main__":
    main()
