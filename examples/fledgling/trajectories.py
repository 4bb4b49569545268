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
from projects import Corpus, Project, pytest_output, unittest_output
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
MEMORY = ["Remembered from earlier work (may be out of date):\n{lines}", "From memory:\n{lines}", "Memory:\n{lines}"]


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
