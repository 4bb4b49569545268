"""Puts one-line bugs into functions: WORK/bugs/ROLE.jsonl from WORK/functions/ROLE.jsonl.

One line per bug:
  package, version, file (below WORK/src), path (below the package's folder), qualname,
  first_line, last_line, doc (as in the function record; they number the lines of the correct file),
  kind, line (1-based), correct, buggy (text of that line without its newline), deleted.

The buggy file is the file with line `line` replaced by `buggy`; where `deleted` is true it is the
file without that line (buggy is ""), and putting `correct` back before line `line` of the buggy
file repairs it. A bug changes one physical line, parses, and is never in a docstring, an annotation
or an f-string. Its kind is drawn with weight (places in the function)^0.3, the place evenly. The
same seed gives the same bugs.

    python3 mutate.py ROLE [--count N] [--per-function K] [--seed S] [--slips] [--work DIR]

With --count, functions are taken in turn from every package, so that packages share evenly. Without
it every function gets up to K different bugs. With --slips only kinds that people slip into are
drawn, evenly: signs, edges, opposites (min and max, first and last) and operators; they go to
ROLE-slips.jsonl.
"""

import argparse
import ast
import itertools
import json
import pathlib
import random
import re
import sys
import warnings

from fetch import DEFAULT_WORK

COMPARISONS = {
    "<": ["<=", ">", ">="], "<=": ["<", ">="], ">": [">=", "<", "<="], ">=": [">", "<="],
    "==": ["!="], "!=": ["=="],
}
IDENTITY = {"==": "is", "!=": "is not", "is": "==", "is not": "!="}
NEGATION = {"is": "is not", "is not": "is", "in": "not in", "not in": "in"}
ARITHMETIC = {
    "+": ["-"], "-": ["+"], "*": ["/", "+", "**"], "/": ["*", "//"], "//": ["/", "%"],
    "%": ["//", "*"], "**": ["*"], "&": ["|"], "|": ["&"], "^": ["&", "|"], "<<": [">>"],
    ">>": ["<<"],
}
AUGMENTED = {op + "=": [o + "=" for o in others] + ["="] for op, others in ARITHMETIC.items()}
EXCEPTIONS = [
    "ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "RuntimeError",
    "Exception", "OSError", "NotImplementedError", "StopIteration",
]
SLIPS = {
    "opposite", "lambda minus", "minus", "augmented assignment", "arithmetic", "comparison", "range", "index", "slice",
    "boolean", "operands", "half condition",
}
OPPOSITES = [
    "min max", "any all", "sorted reversed", "floor ceil", "append extend", "startswith endswith",
    "lower upper", "lstrip rstrip", "ljust rjust", "find rfind", "index rindex", "split rsplit",
    "partition rpartition", "keys values", "items values", "union intersection", "encode decode",
    "popleft pop", "appendleft append", "remove discard", "add remove", "get pop",
]
OPPOSITE = {}
for _a, _b in map(str.split, OPPOSITES):
    OPPOSITE.setdefault(_a, []).append(_b)
    OPPOSITE.setdefault(_b, []).append(_a)
FLIP = {"True": "False", "False": "True"}
DELETABLE = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Continue,
    ast.Break, ast.Delete, ast.Assert,
)


class FileNames:
    """What a file offers as wrong choices: called functions, called methods, other attributes,
    strings, exceptions.
    """

    def __init__(self, tree):
        self.functions, self.methods, self.attributes = {}, {}, {}
        self.strings, self.exceptions = {}, {}
        called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and id(node) in called:
                self.functions[node.id] = 1
            elif isinstance(node, ast.Attribute):
                (self.methods if id(node) in called else self.attributes)[node.attr] = 1
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if 0 < len(text) < 30 and text.isascii() and text.isprintable():
                    self.strings[text] = 1
            elif isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name):
                self.exceptions[node.type.id] = 1
            elif (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and isinstance(node.exc.func, ast.Name)
            ):
                self.exceptions[node.exc.func.id] = 1


class Sites:
    """The places of one function where a bug can go: {kind: [(line, first column, last column,
    texts to choose from)]}.

    A place whose columns are None is a statement's line that can be deleted.
    """

    def __init__(self, function, lines, names):
        self.found = {}
        self.lines, self.names = lines, names
        text = "\n".join(lines[function.lineno - 1 : function.end_lineno])
        self.own = set(re.findall(r"\w+", text))
        self.skipped = set()
        self.locals = {}
        self.set_apart(function)
        for node in ast.walk(function):
            if id(node) not in self.skipped:
                visit = getattr(self, "visit_" + type(node).__name__, None)
                if visit:
                    visit(node)
        self.deletions(function)

    def set_apart(self, function):
        """Collects the local names, and marks docstrings, annotations, f-strings and defaults as
        not to be entered.
        """
        arguments = {}
        for node in ast.walk(function):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for part in [node.returns, *node.decorator_list]:
                    self.skip(part)
                if ast.get_docstring(node, clean=False) is not None:
                    self.skip(node.body[0])
                self.defaults(node.args)
            elif isinstance(node, ast.arg):
                arguments[node.arg] = 1
                self.skip(node.annotation)
            elif isinstance(node, ast.AnnAssign):
                self.skip(node.annotation)
            elif isinstance(node, ast.JoinedStr):
                self.skip(node)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.locals[node.id] = 1
            elif isinstance(node, ast.Call):
                self.skipped.add(id(node.func))
        self.locals = {n: 1 for n in [*arguments, *self.locals] if n not in ("self", "cls", "_")}

    def skip(self, node):
        if node is not None:
            self.skipped.update(id(n) for n in ast.walk(node))

    def add(self, kind, node, texts, end=None):
        """A place that spans node (or node to end), if that is within one line; texts equal to what
        is there are dropped.
        """
        last = end or node
        if node.lineno != last.end_lineno:
            return
        self.span(kind, node.lineno, node.col_offset, last.end_col_offset, texts)

    def span(self, kind, line, first, last, texts):
        here = self.lines[line - 1][first:last]
        texts = [t for t in dict.fromkeys(texts) if t != here]
        if texts:
            self.found.setdefault(kind, []).append((line, first, last, texts))

    def text(self, node):
        """The source of a node that is within one line, else None."""
        if node.lineno != node.end_lineno:
            return None
        return self.lines[node.lineno - 1][node.col_offset : node.end_col_offset]

    def near(self, name, others):
        """Of the names that the file offers, those in the function itself or alike in their first
        or last three letters; else all.
        """
        def alike(other):
            return other in self.own or other[:3] == name[:3] or other[-3:] == name[-3:]

        return [o for o in others if o != name and alike(o)] or others

    def between(self, left, right, pattern):
        """Line and columns of the operator between two nodes, and the operator; None when it is not
        on one line.
        """
        if left.end_lineno != right.lineno:
            return None
        gap = self.lines[left.end_lineno - 1][left.end_col_offset : right.col_offset]
        match = re.search(pattern, gap)
        if match is None:
            return None
        first, last = (left.end_col_offset + end for end in match.span())
        return left.end_lineno, first, last, " ".join(match[0].split())

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node.id in self.locals:
            self.add("variable", node, self.locals)

    def visit_Constant(self, node):
        value, text = node.value, self.text(node)
        if text is None:
            return
        if isinstance(value, bool):
            self.add("truth", node, [FLIP[text]])
        elif isinstance(value, int) and text.isdigit():
            self.add("constant", node, [str(value + 1), str(value - 1)] if value else ["1"])
        elif isinstance(value, str) and value and text[1:-1] == value and "\\" not in text:
            quote = text[0]
            others = self.near(value, self.names.strings)
            others = [s for s in others if quote not in s and "\\" not in s]
            others += [value[:-1], value[1:], value.upper(), value.capitalize()]
            others += [value + " ", value.strip()]
            self.add("string", node, [quote + s + quote for s in others])

    def visit_Compare(self, node):
        operands = [node.left, *node.comparators]
        for left, right in zip(operands, operands[1:]):
            place = self.between(left, right, r"is\s+not\b|not\s+in\b|is\b|in\b|[<>=!]=|<|>")
            if not place:
                continue
            *where, operator = place
            if operator in COMPARISONS:
                self.span("comparison", *where, COMPARISONS[operator])
            if operator in IDENTITY and "None" not in (self.text(left), self.text(right)):
                self.span("identity", *where, [IDENTITY[operator]])
            if operator in NEGATION:
                self.span("negated operator", *where, [NEGATION[operator]])
        if len(operands) == 2 and isinstance(
            node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In)
        ):
            self.swap("operands", node.left, node.comparators[0])

    def swap(self, kind, left, right):
        """A place where two nodes on one line change places."""
        if left.lineno == right.end_lineno:
            gap = self.lines[left.lineno - 1][left.end_col_offset : right.col_offset]
            if self.text(left) != self.text(right):
                self.add(kind, left, [self.text(right) + gap + self.text(left)], right)

    def visit_BinOp(self, node):
        if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            return
        place = self.between(node.left, node.right, r"\*\*|//|<<|>>|[-+*/%&|^]")
        if place and place[3] in ARITHMETIC:
            self.span("arithmetic", *place[:3], ARITHMETIC[place[3]])
            if isinstance(
                node.op, (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift)
            ):
                self.swap("operands", node.left, node.right)
        if isinstance(node.right, ast.Name) and isinstance(node.op, (ast.Mult, ast.Sub, ast.Add)):
            self.add("minus", node.right, ["-" + node.right.id])

    def visit_BoolOp(self, node):
        for left, right in zip(node.values, node.values[1:]):
            place = self.between(left, right, r"\b(and|or)\b")
            if place:
                self.span("boolean", *place[:3], ["or" if place[3] == "and" else "and"])
            if left.lineno == right.end_lineno:
                self.add("half condition", left, [self.text(left), self.text(right)], right)

    def visit_UnaryOp(self, node):
        operand = self.text(node.operand)
        if operand is None:
            return
        if isinstance(node.op, ast.USub):
            self.add("minus", node, [operand])
        elif isinstance(node.op, ast.Not):
            self.add("negated condition", node, [operand])

    def visit_Lambda(self, node):
        """A sign in what an order goes by."""
        values = node.body.elts if isinstance(node.body, ast.Tuple) else [node.body]
        for value in values:
            if isinstance(value, (ast.Attribute, ast.Subscript, ast.Name)) and self.text(value):
                self.add("lambda minus", value, ["-" + self.text(value)])

    def condition(self, node):
        text = self.text(node)
        if text and not (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
            simple = not isinstance(node, (ast.BoolOp, ast.IfExp, ast.NamedExpr))
            self.add("negated condition", node, ["not " + text if simple else f"not ({text})"])

    def visit_If(self, node):
        self.condition(node.test)
        line = self.lines[node.lineno - 1]
        if line[node.col_offset :].startswith("elif "):
            self.span("elif", node.lineno, node.col_offset, node.col_offset + 4, ["if"])

    def visit_While(self, node):
        if not isinstance(node.test, ast.Constant):
            self.condition(node.test)

    def visit_IfExp(self, node):
        self.condition(node.test)
        if node.lineno == node.end_lineno and self.text(node.body) != self.text(node.orelse):
            texts = [self.text(n) for n in (node.orelse, node.test, node.body)]
            self.add("ternary", node, ["%s if %s else %s" % tuple(texts)])

    def visit_comprehension(self, node):
        for test in node.ifs:
            self.condition(test)

    def visit_Subscript(self, node):
        index = node.slice
        text = self.text(index)
        if isinstance(index, ast.Slice):
            self.slice(index)
        elif isinstance(node.ctx, ast.Load) and text:
            if re.fullmatch(r"-?\d+", text):
                value = int(text)
                self.add("index", index, [str(value + 1), str(value - 1), str(-1 - value)])
                self.skip(index)
            elif isinstance(index, ast.Name) and len(text) < 4:
                self.add("index", index, [text + " + 1", text + " - 1"])
            elif isinstance(index, ast.BinOp) and isinstance(index.left, ast.Name):
                self.add("index", index, [index.left.id])

    def slice(self, node):
        for part in (node.lower, node.upper):
            text = part and self.text(part)
            if not text:
                continue
            if re.fullmatch(r"-?\d+", text):
                self.add("slice", part, [str(int(text) + 1), str(int(text) - 1), ""])
                self.skip(part)
            else:
                self.add("slice", part, [text + " + 1", text + " - 1", ""])

    def opposite(self, node, name):
        """A called name that has an opposite."""
        line = self.lines[node.end_lineno - 1]
        first = node.end_col_offset - len(name)
        if line[first : node.end_col_offset] == name and name in OPPOSITE:
            self.span("opposite", node.end_lineno, first, node.end_col_offset, OPPOSITE[name])

    def visit_Call(self, node):
        function = node.func
        if isinstance(function, (ast.Name, ast.Attribute)):
            self.opposite(function, getattr(function, "id", None) or function.attr)
        if isinstance(function, ast.Name):
            if function.id not in self.names.exceptions:
                others = self.near(function.id, self.names.functions)
                others = [f for f in others if f not in self.names.exceptions]
                self.add("function", function, others)
            self.ranges(node, function)
        elif isinstance(function, ast.Attribute):
            self.attribute("method", function, self.names.methods)
        for left, right in zip(node.args, node.args[1:]):
            if not isinstance(left, ast.Starred) and not isinstance(right, ast.Starred):
                self.swap("swapped arguments", left, right)
        parts = sorted([*node.args, *node.keywords], key=lambda p: (p.lineno, p.col_offset))
        for i, part in enumerate(parts):
            if len(parts) == 1:
                self.add("dropped argument", part, [""])
            elif i and parts[i - 1].end_lineno == part.end_lineno:
                ends = parts[i - 1].end_col_offset, part.end_col_offset
                self.span("dropped argument", part.end_lineno, *ends, [""])
            elif i == 0 and part.lineno == parts[1].lineno:
                ends = part.col_offset, parts[1].col_offset
                self.span("dropped argument", part.lineno, *ends, [""])
        for keyword in node.keywords:
            text = self.text(keyword.value)
            if keyword.arg and text and not isinstance(keyword.value, ast.JoinedStr):
                others = [FLIP[text]] if text in FLIP else ["None", *self.locals]
                self.add("keyword", keyword.value, others)
        whole = self.text(node)
        if whole and len(node.args) == 1 and not node.keywords and isinstance(function, ast.Name):
            if not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
                self.add("missing call", node, [self.text(node.args[0])])
        elif whole and not parts and isinstance(function, ast.Attribute):
            self.add("missing call", node, [self.text(function.value)])

    def ranges(self, node, function):
        """Off by one in range() and len()."""
        texts = [self.text(a) for a in node.args]
        starred = any(isinstance(a, ast.Starred) for a in node.args)
        if not texts or None in texts or node.keywords or starred:
            return
        if function.id == "range":
            stop = node.args[0 if len(texts) == 1 else 1]
            stop_text = self.text(stop)
            found = [stop_text + " - 1", stop_text + " + 1"]
            if isinstance(stop, ast.BinOp) and self.text(stop.right) == "1":
                found.append(self.text(stop.left))
            self.add("range", stop, [t for t in found if t])
            if len(texts) == 1:
                self.add("range", node.args[0], ["1, " + texts[0]])
        elif function.id == "len" and self.text(node):
            self.add("range", node, [self.text(node) + " - 1", self.text(node) + " + 1"])

    def attribute(self, kind, node, others):
        """A place that is an attribute's name, if it stands on the line where the
        attribute ends.
        """
        line = self.lines[node.end_lineno - 1]
        first = node.end_col_offset - len(node.attr)
        if line[first : node.end_col_offset] == node.attr:
            others = [a for a in self.near(node.attr, others) if not a.startswith("__")]
            self.span(kind, node.end_lineno, first, node.end_col_offset, others)

    def visit_Attribute(self, node):
        if isinstance(node.ctx, ast.Load):
            self.attribute("attribute", node, self.names.attributes)
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id == "self" and node.attr in self.locals:
            self.add("self", node, [node.attr])

    def visit_Return(self, node):
        value = node.value
        text = value and self.text(value)
        if not text:
            return
        others = ["None", *self.locals]
        if text in FLIP:
            others = [FLIP[text], "None"]
        elif isinstance(value, ast.Tuple) and len(value.elts) > 1:
            others = [self.text(e) for e in value.elts if not isinstance(e, ast.Starred)]
        self.add("return value", value, others)
        if not isinstance(value, ast.Constant):
            self.span("missing return", node.lineno, node.col_offset, value.col_offset, [""])

    def visit_Assign(self, node):
        text = self.text(node.value)
        if text is None:
            return
        others = {
            "0": ["1", "-1", "None"],
            "1": ["0", "2"],
            "[]": ["None", "{}"],
            "{}": ["None", "[]"],
            "None": ["0", "[]", "''"],
            "True": ["False"],
            "False": ["True"],
            "''": ["None"],
            '""': ["None"],
        }
        if text in others:
            self.add("initial value", node.value, others[text])

    def visit_AugAssign(self, node):
        place = self.between(node.target, node.value, r"(\*\*|//|<<|>>|[-+*/%&|^])=")
        if place:
            self.span("augmented assignment", *place[:3], AUGMENTED[place[3]])

    def visit_Break(self, node):
        self.add("break or continue", node, ["continue"])

    def visit_Continue(self, node):
        self.add("break or continue", node, ["break"])

    def visit_ExceptHandler(self, node):
        if isinstance(node.type, ast.Name):
            self.add("exception", node.type, [*self.names.exceptions, *EXCEPTIONS])
            self.skip(node.type)
        elif isinstance(node.type, ast.Tuple) and self.text(node.type):
            self.add("exception", node.type, [self.text(e) for e in node.type.elts])

    def visit_Raise(self, node):
        name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(name, ast.Name) and name.id[0].isupper():
            self.add("exception", name, [*self.names.exceptions, *EXCEPTIONS])

    def defaults(self, arguments):
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            text = default is not None and self.text(default)
            if not text:
                continue
            if text in FLIP:
                self.add("default", default, [FLIP[text]])
            elif text == "None":
                self.add("default", default, ["0", "True", "False", "''"])
            elif text.isdigit():
                value = int(text)
                self.add("default", default, [str(value + 1), str(value - 1) if value else "None"])
            elif text in ("''", '""', "()", "[]", "{}"):
                self.add("default", default, ["None"])
            self.skip(default)

    def deletions(self, function):
        """Simple statements that have a line to themselves and are not alone in their block."""
        for node in ast.walk(function):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if not isinstance(block, list) or len(block) < 2:
                    continue
                for statement in block:
                    text = isinstance(statement, DELETABLE) and self.text(statement)
                    if not text or id(statement) in self.skipped:
                        continue
                    if self.lines[statement.lineno - 1].strip().startswith(text):
                        place = statement.lineno, None, None, [""]
                        self.found.setdefault("deleted line", []).append(place)


def mutations(function, lines, names, random_source, wanted, slips=False):
    """Up to `wanted` different bugs of one function: dictionaries with kind, line, correct, buggy,
    deleted.
    """
    sites = Sites(function, lines, names).found
    sites = {k: v for k, v in sites.items() if (k in SLIPS if slips else k not in ("opposite", "lambda minus"))}
    found = []
    tried = 0
    while sites and len(found) < wanted and tried < 8 * wanted:
        tried += 1
        kinds = list(sites)
        kind = random_source.choices(
            kinds, [4.0 if k == "opposite" else len(sites[k]) ** 0.3 for k in kinds]
        )[0]
        line, first, last, texts = random_source.choice(sites[kind])
        correct = lines[line - 1]
        if first is None:
            replaced, buggy = [], ""
        else:
            buggy = correct[:first] + random_source.choice(texts) + correct[last:]
            replaced = [buggy]
        bug = {
            "kind": kind,
            "line": line,
            "correct": correct,
            "buggy": buggy,
            "deleted": first is None,
        }
        if bug in found or buggy.split() == correct.split():
            continue
        body = lines[function.lineno - 1 : line - 1] + replaced + lines[line : function.end_lineno]
        head = ["if 1:"] if body[0][0].isspace() else []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile("\n".join(head + body) + "\n", "f", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        found.append(bug)
    return found


def functions_at(tree):
    """{line of `def`: node} of the functions of a file."""
    kinds = ast.FunctionDef, ast.AsyncFunctionDef
    return {n.lineno: n for n in ast.walk(tree) if isinstance(n, kinds)}


def bugs_of(source_root, records, seed, wanted, slips=False):
    """The bugs of function records that all belong to one file."""
    text = (source_root / records[0]["file"]).read_text()
    lines = text.split("\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    names, nodes = FileNames(tree), functions_at(tree)
    for record in records:
        name = f"{seed} {record['file']} {record['qualname']} {record['first_line']}"
        source = random.Random(name)
        shared = {k: v for k, v in record.items() if k != "source"}
        for bug in mutations(
            nodes[record["first_line"]], lines, names, source, wanted, slips
        ):
            yield shared | bug


def evenly(packages, count):
    """Takes from each list in turn until `count` are taken or all are empty."""
    taken = []
    for row in itertools.zip_longest(*packages):
        taken += [r for r in row if r is not None]
        if len(taken) >= count:
            return taken[:count]
    return taken


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("role", choices=["ranker", "network", "heldout", "tables"])
    arguments.add_argument("--count", type=int)
    arguments.add_argument("--per-function", type=int, default=1)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--work", type=pathlib.Path, default=DEFAULT_WORK)
    arguments.add_argument("--slips", action="store_true")
    options = arguments.parse_args()
    (options.work / "bugs").mkdir(exist_ok=True)
    source_root = options.work / "src"
    kinds = {}
    name = f"{options.role}.jsonl"
    with (
        open(options.work / "functions" / name) as functions,
        open(options.work / "bugs" / (options.role + "-slips" * options.slips + ".jsonl"), "w") as out,
    ):
        by_file = itertools.groupby(map(json.loads, functions), key=lambda r: r["file"])
        bugs = itertools.chain.from_iterable(
            bugs_of(
                source_root, list(group), options.seed, options.per_function, options.slips
            )
            for _, group in by_file
        )
        if options.count:
            packages = [list(g) for _, g in itertools.groupby(bugs, key=lambda b: b["package"])]
            for package in packages:
                random.Random(f"{options.seed} {package[0]['package']}").shuffle(package)
            bugs = evenly(packages, options.count)
        for bug in bugs:
            kinds[bug["kind"]] = kinds.get(bug["kind"], 0) + 1
            out.write(json.dumps(bug) + "\n")
    for kind, count in sorted(kinds.items(), key=lambda item: -item[1]):
        print(f"{count:8} {kind}", file=sys.stderr)
    print(f"{sum(kinds.values()):8} in all, {len(kinds)} kinds", file=sys.stderr)


if __name__ == "__main__":
    main()
