"""One-line bugs of C and C++ sources, by their tokens: functions_of and mutations.

The kinds and their weights are those of examples/fledgling/mutate.py as far as the languages have
them. A mutation need not compile; who uses one builds it.
"""

import collections
import difflib
import re

TOKEN = re.compile(
    r"(?P<space>\s+|\\\n)|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)"
    r"|(?P<string>(?:u8|[LuU])?\"(?:\\.|[^\"\\\n])*\")|(?P<char>[LuU]?'(?:\\.|[^'\\\n])+')"
    r"|(?P<number>\.?\d(?:[eEpP][-+]|[\w.'])*)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator><<=|>>=|\.\.\.|->\*?|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|::|.)",
    re.S | re.M,
)
Token = collections.namedtuple("Token", "kind text line first last")

COMPARISON = {
    "<": ["<=", ">", ">="], "<=": ["<", ">=", ">"], ">": [">=", "<", "<="], ">=": [">", "<=", "<"],
    "==": ["!="], "!=": ["=="],
}
ARITHMETIC = {"+": ["-"], "-": ["+"], "*": ["/", "+"], "/": ["*"], "%": ["/", "*"]}
BITWISE = {"&": ["|", "^"], "|": ["&", "^"], "^": ["|", "&"], "<<": [">>"], ">>": ["<<"]}
AUGMENTED = {
    "+=": ["-=", "="], "-=": ["+=", "="], "*=": ["/=", "+="], "/=": ["*="], "|=": ["&=", "="],
    "&=": ["|=", "="], "^=": ["|="], "<<=": [">>="], ">>=": ["<<="],
}
FLIP = {"true": "false", "false": "true"}
KEYWORDS = set(
    "if else for while do switch case default break continue return goto sizeof struct union enum "
    "typedef static const unsigned signed int char long short float double void bool auto class "
    "public private protected virtual inline extern register volatile new delete throw try catch "
    "template typename operator namespace using this true false nullptr NULL static_cast "
    "reinterpret_cast const_cast dynamic_cast explicit friend size_t".split()
)
AFTER_PARAMETERS = {"const", "noexcept", "override", "final"}
BEFORE_BINARY = {"name", "number", "char", "string"}


def lexed(text):
    """The tokens of a source, without blanks, comments and directives."""
    found, line, start = [], 1, 0
    for match in TOKEN.finditer(text):
        kind, part = match.lastgroup, match[0]
        if kind not in ("space", "comment", "directive"):
            column = match.start() - start
            found.append(Token(kind, part, line, column, column + len(part)))
        breaks = part.count("\n")
        if breaks:
            line += breaks
            start = match.start() + part.rfind("\n") + 1
    return found


def closing(tokens, at, pair="()"):
    """The index of the bracket that closes the one at `at`, or None."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += (tokens[i].text == pair[0]) - (tokens[i].text == pair[1])
        if depth == 0:
            return i
    return None


def name_before(tokens, at):
    """The (qualified) name that ends before the parenthesis at `at`, or None."""
    if at == 0 or tokens[at - 1].kind != "name" or tokens[at - 1].text in KEYWORDS:
        return None
    parts, i = [tokens[at - 1].text], at - 1
    while i >= 2 and tokens[i - 1].text in ("::", "~"):
        if tokens[i - 1].text == "~":
            parts[0] = "~" + parts[0]
            i -= 1
        elif tokens[i - 2].kind == "name":
            parts.insert(0, tokens[i - 2].text)
            i -= 2
        else:
            break
    return "::".join(parts)


def functions_of(tokens):
    """(name, index of the parameters' parenthesis, of the body's first brace, of its last) of the
    functions that have a body.
    """
    found, i = [], 0
    while i < len(tokens):
        if tokens[i].text != "(":
            i += 1
            continue
        name, end = name_before(tokens, i), closing(tokens, i)
        if end is None:
            return found
        body = end + 1
        while body < len(tokens) and tokens[body].text in AFTER_PARAMETERS:
            body += 1
        if name and body < len(tokens) and tokens[body].text == ":":
            while body < len(tokens) and tokens[body].text not in ("{", ";"):
                body += 1
        last = None
        if name and body < len(tokens) and tokens[body].text == "{":
            last = closing(tokens, body, "{}")
        if last is None:
            i += 1
        else:
            found.append((name, i, body, last))
            i = last + 1
    return found


def near(name, names):
    """Up to four other names that look most like this one."""
    others = sorted(n for n in names if n != name)
    return difflib.get_close_matches(name, others, 4, 0.5)


class Sites:
    """The places of one function: {kind: [(line, first, last, texts)]}; first None: the line is
    dropped (no texts) or put in twice.
    """

    def __init__(self, tokens, lines, function):
        self.lines = lines
        self.found = {}
        _, parameters, body, last = function
        self.inner = tokens[body + 1 : last]
        shape = tokens[parameters + 1 : last]
        self.locals = self.variables(shape)
        calls = {a.text for a, b in zip(tokens, tokens[1:]) if a.kind == "name" and b.text == "("}
        self.functions = {c for c in calls - KEYWORDS if not c.isupper()}
        self.members = {
            b.text
            for a, b, c in zip(tokens, tokens[1:], tokens[2:])
            if a.text in (".", "->") and b.kind == "name" and c.text != "("
        }
        self.characters = sorted({t.text for t in self.inner if t.kind == "char"})
        self.macros = {t.text for t in tokens if re.fullmatch(r"[A-Z][A-Z0-9_]{2,}", t.text)}
        for i in range(len(self.inner)):
            self.token(i)
        self.statements()

    @staticmethod
    def variables(tokens):
        """Names that stand as variables: before an operator of assignment, a comma or the like."""
        found = set()
        for before, this, after in zip(tokens, tokens[1:], tokens[2:]):
            if this.kind == "name" and this.text not in KEYWORDS and after.text in (
                "=", ";", ",", ")", "[", "->", ".", "++", "--", "+=", "-=", "<", "==", "!="
            ):
                if before.text not in (".", "->", "::") and not this.text.isupper():
                    found.add(this.text)
        return found

    def add(self, kind, token, texts, last=None):
        texts = [t for t in texts if t != token.text]
        if texts:
            place = token.line, token.first, last or token.last, texts
            self.found.setdefault(kind, []).append(place)

    def text(self, first, last):
        """The text from one token to another of the same line."""
        return self.lines[first.line - 1][first.first : last.last]

    def token(self, i):
        this = self.inner[i]
        before = self.inner[i - 1] if i else Token("operator", "{", 0, 0, 0)
        after = self.inner[i + 1] if i + 1 < len(self.inner) else before
        if this.kind == "operator":
            self.operator(i, this, before, after)
        elif this.kind == "number":
            self.number(this, before, after)
        elif this.kind == "char":
            self.add("character", this, self.characters)
        elif this.text in FLIP:
            self.add("constant", this, [FLIP[this.text]])
        elif this.text in ("if", "while") and after.text == "(":
            self.condition(i + 1)
            if this.text == "if" and before.text == "else" and before.line == this.line:
                self.add("else", before, [""], this.first)
        elif this.text in ("break", "continue"):
            self.add("break or continue", this, [{"break": "continue"}.get(this.text, "break")])
        elif this.text == "return" and after.text != ";":
            self.returned(i)
        elif this.kind == "name" and this.text not in KEYWORDS:
            self.name(i, this, before, after)

    def operator(self, i, this, before, after):
        binary = before.kind in BEFORE_BINARY and before.text not in ("return", "case", "else")
        binary = binary or before.text in (")", "]")
        spaced = self.lines[this.line - 1][this.first - 1 : this.first] == " "
        text = this.text
        if text in COMPARISON and (spaced or len(text) == 2):
            self.add("comparison", this, COMPARISON[text])
            if text == "==" and spaced:
                self.add("assignment", this, ["="])
        elif text in ("&&", "||"):
            self.add("logical", this, ["||" if text == "&&" else "&&"])
            self.clause(i)
        elif text in ARITHMETIC and binary and (spaced or text in "+-"):
            self.add("arithmetic", this, ARITHMETIC[text])
        elif text in BITWISE and binary and spaced:
            self.add("bitwise", this, BITWISE[text])
        elif text in AUGMENTED:
            self.add("augmented assignment", this, AUGMENTED[text])
        elif text in ("++", "--"):
            self.add("increment", this, ["--" if text == "++" else "++"])
        elif text == "!" or text == "~":
            self.add("dropped operator", this, [""])
        elif text == "[" and after.kind == "name" and i + 2 < len(self.inner):
            if self.inner[i + 2].text == "]":
                self.add("index", after, [after.text + " + 1", after.text + " - 1"])
        elif text == "?":
            self.ternary(i)
        elif text == "(" and before.kind == "name" and before.text not in KEYWORDS:
            self.arguments(i)

    def number(self, this, before, after):
        match = re.fullmatch(r"(\d+)([uUlLzZ]*)", this.text)
        if not match:
            match = re.fullmatch(r"0[xX]([0-9a-fA-F]+)([uUlL]*)", this.text)
            if match:
                value = int(match[1], 16)
                self.add("constant", this, [f"0x{v:X}{match[2]}" for v in (value + 1, value >> 1)])
            return
        value = int(match[1])
        others = [str(v) + match[2] for v in (value + 1, value - 1) if v >= 0]
        if before.text == "[" and after.text == "]":
            self.add("index", this, others)
        elif before.text == "=" and after.text in (";", ","):
            self.add("initial value", this, others)
        else:
            self.add("constant", this, others)

    def name(self, i, this, before, after):
        if before.text in (".", "->") and after.text != "(":
            self.add("member", this, near(this.text, self.members) or sorted(self.members)[:4])
        elif after.text == "(":
            if not this.text.isupper():
                self.add("function", this, near(this.text, self.functions))
            end = closing(self.inner, i + 1)
            single = end and self.inner[end].line == this.line
            if single and end > i + 2 and before.text in ("=", "(", "return", "==", "<", "+", ","):
                if not any(t.text == "," for t in self.inner[i + 2 : end]):
                    inside = self.text(self.inner[i + 2], self.inner[end - 1])
                    self.add("missing call", this, [inside], self.inner[end].last)
        elif this.text in self.macros:
            self.add("constant name", this, near(this.text, self.macros))
        elif this.text in self.locals and before.kind != "name" and before.text != "::":
            self.add("variable", this, sorted(self.locals))

    def condition(self, at):
        end = closing(self.inner, at)
        if end is None or end == at + 1 or self.inner[end].line != self.inner[at].line:
            return
        first, inside = self.inner[at + 1], self.text(self.inner[at + 1], self.inner[end - 1])
        self.add("negated condition", first, [f"!({inside})"], self.inner[end - 1].last)

    def clause(self, i):
        """One side of && or || goes, as far as its parenthesis or the next such operator."""
        line = self.inner[i].line
        ends = []
        for step in (-1, 1):
            depth, j = 0, i + step
            while 0 <= j < len(self.inner):
                text = self.inner[j].text
                depth += text in "([" if step == 1 else text in ")]"
                depth -= text in ")]" if step == 1 else text in "(["
                if depth < 0 or (depth == 0 and text in ("&&", "||", ";", "?", "=", "return", "{")):
                    break
                j += step
            ends.append(j)
        left, right = ends[0] + 1, ends[1] - 1
        if left >= i or right <= i or {self.inner[left].line, self.inner[right].line} != {line}:
            return
        sides = self.text(self.inner[left], self.inner[i - 1]), self.text(
            self.inner[i + 1], self.inner[right]
        )
        self.add("dropped clause", self.inner[left], list(sides), self.inner[right].last)

    def ternary(self, i):
        depth, colon, j = 0, None, i + 1
        while j < len(self.inner):
            text = self.inner[j].text
            depth += (text in "([") - (text in ")]")
            if depth < 0 or (depth == 0 and text in (";", ",", "?")):
                break
            if depth == 0 and text == ":":
                colon = j
            j += 1
        if colon is None or self.inner[j - 1].line != self.inner[i].line or colon + 1 > j - 1:
            return
        first, last = self.inner[i + 1], self.inner[j - 1]
        one, two = self.text(first, self.inner[colon - 1]), self.text(self.inner[colon + 1], last)
        self.add("ternary", first, [f"{two} : {one}"], last.last)

    def arguments(self, at):
        end = closing(self.inner, at)
        if end is None or self.inner[end].line != self.inner[at].line or end == at + 1:
            return
        parts, depth = [[]], 0
        for token in self.inner[at + 1 : end]:
            depth += (token.text in "([{") - (token.text in ")]}")
            if token.text == "," and depth == 0:
                parts.append([])
            else:
                parts[-1].append(token)
        for left, right in zip(parts, parts[1:]):
            if left and right:
                one, two = self.text(left[0], left[-1]), self.text(right[0], right[-1])
                gap = self.lines[left[0].line - 1][left[-1].last : right[0].first]
                self.add("swapped arguments", left[0], [two + gap + one], right[-1].last)

    def returned(self, i):
        end = i + 1
        while end < len(self.inner) and self.inner[end].text != ";":
            end += 1
        first, last = self.inner[i + 1], self.inner[min(end, len(self.inner)) - 1]
        if first.line != self.inner[i].line or last.line != first.line:
            return
        text = self.text(first, last)
        others = ["0", "1", "-1", *sorted(self.locals)]
        if text in FLIP:
            others = [FLIP[text]]
        self.add("return value", first, [o for o in others if o != text], last.last)

    def statements(self):
        """Simple statements that have a line to themselves."""
        by_line = {}
        for token in self.inner:
            by_line.setdefault(token.line, []).append(token)
        for line, row in by_line.items():
            texts = [t.text for t in row]
            whole = texts[-1] == ";" and texts.count(";") == 1
            whole = whole and texts.count("(") == texts.count(")")
            first = row[0].text
            if not whole or row[0].kind != "name" and first not in ("*", "++", "--", "("):
                continue
            starts = len(row) > 1 and row[1].kind != "name" and row[1].text not in ("*", "&", "::")
            if first in ("break", "return", "continue", "goto"):
                self.found.setdefault("deleted line", []).append((line, None, None, [""]))
            elif (first not in KEYWORDS and starts) or first in ("*", "++", "--"):
                self.found.setdefault("deleted line", []).append((line, None, None, [""]))
                if any(t.text in ("++", "--") or t.text in AUGMENTED for t in row):
                    self.found.setdefault("added line", []).append((line, None, None, ["twice"]))


def mutations(sites, lines, source, wanted, allowed):
    """Up to `wanted` bugs on lines that `allowed` holds: dictionaries as mutate.mutations gives;
    `extra`: the bug is the line `buggy` before line `line`, and the repair takes it away.
    """
    sites = {
        kind: [p for p in places if p[0] in allowed] for kind, places in sites.items()
    }
    sites = {kind: places for kind, places in sites.items() if places}
    found, tried = [], 0
    while sites and len(found) < wanted and tried < 8 * wanted:
        tried += 1
        kinds = sorted(sites)
        kind = source.choices(kinds, [len(sites[k]) ** 0.3 for k in kinds])[0]
        line, first, last, texts = source.choice(sites[kind])
        correct = lines[line - 1]
        bug = {"kind": kind, "line": line, "correct": correct, "buggy": ""}
        bug["deleted"] = first is None
        if kind == "added line":
            bug |= {"correct": "", "buggy": correct, "deleted": False, "extra": True}
        elif first is not None:
            bug["buggy"] = correct[:first] + source.choice(texts) + correct[last:]
            if bug["buggy"].split() == correct.split():
                continue
        if bug not in found:
            found.append(bug)
    return found
