"""Writes the texts that the table is fitted on, one JSON string per line, from clones named in SOURCES and from
this machine's Python and shell. Nothing of a benchmark of memory is among them.

python texts.py CLONES_FOLDER OUT.jsonl [seed]

CLONES_FOLDER holds the repositories as git directories (bare or not) under OWNER+NAME[/repo].
"""
import ast
import json
import pathlib
import random
import re
import subprocess
import sys
import sysconfig

# Licence of each source. The texts decide which rows are moved; none of their words is in the table.
SOURCES = {
    "clinc+oos-eval": "CC BY 3.0 (requests to an assistant) and sentences of Wikipedia, CC BY-SA 3.0",
    "xliuhw+NLU-Evaluation-Data": "CC BY 4.0 (what people say to a home assistant)",
    "google-research-datasets+dstc8-schema-guided-dialogue": "CC BY-SA 4.0 (dialogues about errands)",
    "gunthercox+chatterbot-corpus": "BSD-3-Clause (questions and answers)",
    "tldr-pages+tldr": "CC BY 4.0 (commands explained)",
    "rust-lang+book": "MIT or Apache-2.0 (technical prose)",
}
WORDS_MAX = 60


class Clone:
    def __init__(self, folder, name):
        path = pathlib.Path(folder) / name
        self.path = path / "repo" if (path / "repo").exists() else path

    def git(self, *arguments):
        return subprocess.run(["git", "-C", str(self.path), *arguments], capture_output=True, check=True).stdout.decode("utf-8", "replace")

    def files(self, pattern):
        return [f for f in self.git("ls-tree", "-r", "--name-only", "HEAD").split("\n") if re.fullmatch(pattern, f)]

    def has(self, path):
        return subprocess.run(["git", "-C", str(self.path), "cat-file", "-e", "HEAD:" + path], capture_output=True).returncode == 0

    def read(self, path):
        return self.git("show", "HEAD:" + path)


def requests(clone):
    return [text for part in json.loads(clone.read("data/data_full.json")).values() for text, _ in part]


def encyclopedia(clone):
    return clone.read("data/all_wiki_sents.txt").split("\n")


def home(clone):
    path = clone.files(r".*/merged/RasaNlu_Merged_KFold_1_.*\.json")[0]
    return [example["text"] for example in json.loads(clone.read(path))["rasa_nlu_data"]["common_examples"]]


def dialogues(clone):
    out = []
    for path in clone.files(r"train/dialogues_0\d[05]\.json"):
        if not clone.has(path):
            continue  # a partial clone
        for dialogue in json.loads(clone.read(path)):
            out += [turn["utterance"] for turn in dialogue["turns"]]
    return out


def answers(clone):
    out = []
    for path in clone.files(r"chatterbot_corpus/data/english/.*\.yml"):
        pair = []
        for line in clone.read(path).split("\n"):
            found = re.match(r"\s*(- -|-)\s+(.*)", line)
            if not found:
                continue
            if found[1] == "- -" and pair:
                out.append(" ".join(pair))
                pair = []
            pair.append(found[2].strip("'\""))
    return out


def commands(clone):
    out = []
    for path in clone.files(r"pages/(common|linux)/.*\.md"):
        if random.random() < 0.15:
            out += [part.replace("\n", " ") for part in clone.read(path).split("\n\n- ")[1:3]]
    return out


def prose(clone):
    out = []
    for path in clone.files(r"src/ch.*\.md"):
        out += [re.sub(r"\s+", " ", part) for part in re.split(r"\n\s*\n", clone.read(path))]
    return [text for text in out if len(text) > 60]


def code():
    """Functions of Python's library (PSF-2.0): signature, documentation, body."""
    out = []
    for path in sorted(pathlib.Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        source = path.read_text(encoding="utf-8", errors="replace")
        lines = source.split("\n")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                out.append("\n".join(lines[node.lineno - 1:node.end_lineno]))
                out.append(f"{node.name} {ast.get_docstring(node) or ''}")
    return [text for text in out if len(text) > 40]


def tool_output():
    """Listings, and tracebacks that are made here."""
    out = []
    for command in ("ls -la /usr/bin /etc /usr/lib", "dpkg -l", "mount; df -h; env | cut -c1-60", "cat /etc/services"):
        lines = subprocess.run(["sh", "-c", command], capture_output=True, text=True).stdout.split("\n")
        out += ["\n".join(lines[i:i + 4]) for i in range(0, len(lines), 40)]
    names = ("parser", "config", "invoice", "session", "user", "matrix", "cache", "queue", "token", "billing", "worker", "report")
    errors = ("KeyError: '{}'", "TypeError: {}() missing 1 required positional argument", "AssertionError: {} != {}",
              "ModuleNotFoundError: No module named '{}'", "IndexError: list index out of range in {}",
              "AttributeError: 'NoneType' object has no attribute '{}'", "FAILED tests/test_{}.py::test_{} - assert",
              "error: '{}' was not declared in this scope", "undefined reference to `{}::open()'",
              "ConnectionRefusedError: [Errno 111] {}", "1 failed, 12 passed in tests/test_{}.py")
    for error in errors:
        for name in names:
            other = random.choice(names)
            out.append(f'File "src/{name}.py", line {random.randrange(1, 400)}, in {other}\n' + error.replace("{}", name, 1).replace("{}", other))
    return out


def main(clones, out, seed=1):
    random.seed(int(seed))
    at = lambda name: Clone(clones, name)
    parts = {
        "requests": (3000, requests(at("clinc+oos-eval"))),
        "encyclopedia": (2600, encyclopedia(at("clinc+oos-eval"))),
        "home": (1800, home(at("xliuhw+NLU-Evaluation-Data"))),
        "dialogues": (2400, dialogues(at("google-research-datasets+dstc8-schema-guided-dialogue"))),
        "answers": (1800, answers(at("gunthercox+chatterbot-corpus"))),
        "commands": (500, commands(at("tldr-pages+tldr"))),
        "prose": (700, prose(at("rust-lang+book"))),
        "code": (900, code()),
        "tools": (300, tool_output()),
    }
    texts = []
    for name, (count, found) in parts.items():
        found = sorted({" ".join(text.split(" ")[:WORDS_MAX]).strip() for text in found if len(text) > 12})
        random.shuffle(found)
        texts += found[:count]
        print(f"{name}: {min(count, len(found))} of {len(found)}")
    random.shuffle(texts)
    pathlib.Path(out).write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    print(f"{len(texts)} texts")


if __name__ == "__main__":
    main(*sys.argv[1:])
