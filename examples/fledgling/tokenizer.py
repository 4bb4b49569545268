"""Fledgling's tokenizer: byte-level BPE of 4,096 entries, GGUF pre-tokenizer "qwen2".

The merges are learned under a finer split than the one they are used under: letters, punctuation and white space never
merge with each other, except the space before a keyword. So an identifier is the same tokens after a space, a dot, a
slash, a quote or a bracket, which is what a small model needs to copy it. WORK/tokenizer.json is the result.

    python3 tokenizer.py [--work DIR]      learns it from WORK/functions/{tables,network}.jsonl
"""

import argparse
import json
import keyword
import pathlib
import random
import re

import tokenizers
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_WORK = HERE.parent.parent / ".work" / "data"

SIZE = 4096
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<|edit|>", "<|ok|>", "<|bug|>",
           "<|hint|>"] + [f"<|reserved_{i}|>" for i in range(9, 16)]
END_OF_TEXT, IM_START, IM_END, CALL, CALL_END, EDIT, OK, BUG, HINT = range(9)

QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")
# Where merges are learned: runs of one class only, but an underscore goes with the letters after it.
FINE = r"_?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPACED = ["self", "the", "a", "of", "to", "is", "name", "x", "value", "line", "string", "path", "int", "str", "key",
          *keyword.kwlist]
# The words of the loop's own messages are rare in code; they are repeated so that they become few tokens.
MESSAGES = """You repair small bugs. Run the check, read the file that fails, ask for suggestions, choose one, apply it
and finish. The harness runs the check again.
Tools: shell, read_file, suggest_edits, edit_file, finish
system user assistant tool
{"name": "shell", "arguments": {"command": "python3 -m unittest -q"}}
{"name": "read_file", "arguments": {"path": "tests/test_mod.py"}}
{"name": "suggest_edits", "arguments": {}}
{"name": "edit_file", "arguments": {"choice": "c1"}}
{"name": "finish", "arguments": {"summary": "Applied c1 to pkg/mod.py."}}
The tests fail. Find the bug and repair it.
Check: python3 -m unittest discover -s tests
Check: python3 -m pytest -q
exit code 1
The check fails (exit code 1).
pkg/mod.py, lines 1-40 of 120
7 candidates, best first:
c1 pkg/mod.py:12 - return a -> return b
c2 pkg/mod.py:13 + self.x = x
c3 pkg/mod.py:14 x break
(12 more)
[... 1234 bytes left out ...]
applied c1 to pkg/mod.py:12
took back c1
--- a/pkg/mod.py
+++ b/pkg/mod.py
@@ -10,7 +10,7 @@
Traceback (most recent call last):
  File "/usr/lib/python3.11/unittest/case.py", line 57, in testPartExecutor
ImportError: Failed to import test module: test_mod
AssertionError: 1 != 2
Ran 12 tests in 0.003s
FAILED (failures=1, errors=2)
FAIL: test_add (tests.test_mod.TestMod.test_add)
ERROR: test_add (tests.test_mod.TestMod)
======================================================================
----------------------------------------------------------------------
____________________________ test_add ______________________________
=========================== short test summary info ============================
FAILED tests/test_mod.py::TestMod::test_add - AssertionError: assert 1 == 2
1 failed, 3 passed in 0.12s
E       AssertionError: assert 3 == 4
>       assert add(1, 2) == 3
KeyError TypeError ValueError IndexError AttributeError ZeroDivisionError NameError RecursionError
"""


def learn(texts):
    """A Tokenizer learned from an iterable of texts."""
    trainer_side = Tokenizer(models.BPE())
    trainer_side.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(FINE), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=SIZE - len(SPECIAL) - len(SPACED), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    trainer_side.train_from_iterator(texts, trainer)
    model = json.loads(trainer_side.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    known = set(tokens)
    spaced = [w for w in dict.fromkeys(SPACED) if w in known][:SIZE - len(SPECIAL) - len(tokens)]
    tokens += ["Ġ" + w for w in spaced]
    merges += [("Ġ", w) for w in spaced]
    vocabulary = {t: i for i, t in enumerate(SPECIAL + tokens)}
    for i in range(len(vocabulary), SIZE):
        vocabulary[f"<|unused_{i}|>"] = i
    return build(vocabulary, merges)


def build(vocabulary, merges):
    result = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    result.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    result.decoder = decoders.ByteLevel()
    return result


class Codec:
    """Text to ids and back. `plain` never yields special tokens; `parsed` recognises those of SPECIAL."""

    def __init__(self, work=DEFAULT_WORK):
        self.tokenizer = Tokenizer.from_file(str(pathlib.Path(work) / "tokenizer.json"))
        self.lines = {}

    def plain(self, text):
        return self.tokenizer.encode(text).ids

    def line(self, text):
        """Ids of one line and its newline; remembered."""
        ids = self.lines.get(text)
        if ids is None:
            if len(self.lines) > 500_000:
                self.lines.clear()
            ids = self.lines[text] = self.tokenizer.encode(text + "\n").ids
        return ids

    def parsed(self, text):
        ids = []
        for part in re.split("(" + "|".join(re.escape(s) for s in SPECIAL) + ")", text):
            if part in SPECIAL:
                ids.append(SPECIAL.index(part))
            elif part:
                ids += self.plain(part)
        return ids

    def text(self, ids):
        """The text of ids, special tokens spelled out."""
        out, run = [], []
        for i in ids:
            if i < len(SPECIAL):
                out += [self.tokenizer.decode(run) if run else "", SPECIAL[i]]
                run = []
            else:
                run.append(i)
        return "".join(out) + (self.tokenizer.decode(run) if run else "")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=DEFAULT_WORK)
    arguments.add_argument("--functions", type=int, default=60_000)
    options = arguments.parse_args()
    records = []
    for role in ("tables", "network"):
        with open(options.work / "functions" / f"{role}.jsonl") as file:
            records += [line for line in file]
    random.Random(1).shuffle(records)
    texts = [json.loads(r)["source"] for r in records[:options.functions]]
    texts += [MESSAGES] * 300
    result = learn(texts)
    result.save(str(options.work / "tokenizer.json"))
    ids = [result.encode(t).ids for t in texts[:2000]]
    print(f"{sum(len(t) for t in texts[:2000]) / sum(len(i) for i in ids):.2f} characters per token, "
          f"tokenizers {tokenizers.__version__}")


if __name__ == "__main__":
    main()
