"""Made-up projects around real files: names, folders, a test file, and what its check prints.

Corpus draws a function with a bug and the lines of its file; Project makes up the rest; unittest_output() and
pytest_output() print the failing check. trajectories.py turns these into conversations.
"""

import json
import pathlib
import re


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
