"""Puts one-line bugs into functions of C and C++: WORK/bugs/ROLE.jsonl from WORK/functions/ROLE.jsonl.

The records are those of mutate.py, and a kind is drawn likewise: with weight (places in the function)^0.3, the place
evenly. Places are told from tokens alone, so that nothing needs to be built; that a bug compiles is likely, not sure.
`extra` is true where a line stands twice: the buggy file has `buggy` before line `line`.

    python3 mutate_c.py ROLE [--count N] [--seed S] [--work DIR]

Functions are taken in turn from every package, so that packages share evenly.
"""

import argparse
import itertools
import json
import pathlib
import random
import re

from fetch import DEFAULT_WORK

TOKEN = re.compile(r'''
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
  | (?P<char>[uUL]?'(?:\\.|[^'\\\n])*')
  | (?P<number>\.?\d(?:[eEpP][+-]|[\w.]|'\d)*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<op><<=|>>=|\.\.\.|->\*|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|::|\#\#|.)
''', re.X | re.S)
COMPARISONS = {"<": ["<=", ">", ">="], "<=": ["<", ">="], ">": [">=", "<", "<="], ">=": [">", "<="], "==": ["!="], "!=": ["=="]}
ARITHMETIC = {"+": ["-"], "-": ["+"], "*": ["/", "+"], "/": ["*", "%"], "%": ["/", "*"]}
BITWISE = {"&": ["|", "^"], "|": ["&", "^"], "^": ["&", "|"], "<<": [">>"], ">>": ["<<"]}
LOGICAL = {"&&": ["||"], "||": ["&&"]}
AUGMENTED = {"+=": ["-=", "="], "-=": ["+=", "="], "*=": ["/=", "="], "/=": ["*=", "="], "|=": ["&=", "="], "&=": ["|=", "="],
             "^=": ["|=", "&="], "<<=": [">>="], ">>=": ["<<="], "%=": ["/="]}
OPPOSITES = {}
for _pair in ("min max", "MIN MAX", "floor ceil", "begin end", "front back", "push_front push_back", "pop_front pop_back",
              "first second", "strchr strrchr", "strcmp strncmp", "memcpy memmove", "isupper islower", "toupper tolower",
              "isalpha isalnum", "isdigit isxdigit", "htons ntohs", "htonl ntohl", "sin cos", "lower_bound upper_bound",
              "all_of any_of", "INT_MIN INT_MAX", "lock unlock", "left right", "next prev", "head tail", "find rfind"):
    _a, _b = _pair.split()
    OPPOSITES[_a], OPPOSITES[_b] = _b, _a
TYPES = {"int": ["unsigned", "char"], "unsigned": ["int"], "size_t": ["int"], "double": ["float", "int"], "float": ["int"],
         "long": ["int"], "uint32_t": ["uint8_t", "int32_t"], "uint64_t": ["uint32_t"], "uint8_t": ["int8_t"], "uint16_t": ["uint8_t"]}
KEYWORDS = set("""alignas alignof asm auto bool break case catch char class const const_cast constexpr continue decltype default
delete do double dynamic_cast else enum explicit extern false float for friend goto if inline int long mutable namespace new
noexcept nullptr operator private protected public register reinterpret_cast restrict return short signed sizeof static
static_assert static_cast struct switch template this throw true try typedef typeid typename union unsigned using virtual void
volatile wchar_t while NULL""".split())
ADDED = "added line"
VALUE_ENDS = {")", "]", "NULL", "nullptr", "true", "false", "this"}


class Token:
    def __init__(self, kind, text, line, column):
        self.kind, self.text, self.line, self.column = kind, text, line, column
        self.end = column + len(text)


def tokens_of(lines, first_line):
    """Tokens of the lines, numbered from first_line, without comments and preprocessor lines."""
    out, line, at = [], first_line, 0
    text = "\n".join("" if l.lstrip().startswith("#") else l for l in lines)
    begin = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match.lastgroup != "space":
            out.append(Token(match.lastgroup, match[0], line, match.start() - begin))
        newlines = match[0].count("\n")
        if newlines:
            line += newlines
            begin = match.start() + match[0].rfind("\n") + 1
        at = match.end()
    return out


class Sites:
    """{kind: [(line, first column, last column, texts)]}; a place whose columns are None is a line that can be deleted, or put in
    twice where the kind is ADDED."""

    def __init__(self, lines, first_line, file_names):
        self.found, self.lines, self.first_line = {}, lines, first_line
        self.tokens = tokens_of(lines, first_line)
        self.match, self.open, stack = {}, {}, []
        for i, t in enumerate(self.tokens):
            if t.text in ")]}" and t.kind == "op" and stack:
                self.match[i], self.match[stack[-1]] = stack[-1], i
                stack.pop()
            self.open[i] = stack[-1] if stack else None
            if t.text in "([{" and t.kind == "op":
                stack.append(i)
        self.body = next((i for i, t in enumerate(self.tokens) if t.text == "{"), 0)
        self.names = file_names
        self.locals = self.find_locals()
        for i in range(self.body + 1, len(self.tokens)):
            self.visit(i)
        self.deletions()

    def text(self, i):
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def is_value_end(self, i):
        t = self.tokens[i] if 0 <= i < len(self.tokens) else None
        return t is not None and (t.kind in ("number", "char", "string") or t.text in VALUE_ENDS
                                  or t.kind == "name" and t.text not in KEYWORDS)

    def find_locals(self):
        """Names that look declared in the function: behind a type, before `=`, `;`, `,`, `)` or `[`."""
        found = {}
        for i, t in enumerate(self.tokens):
            if t.kind != "name" or t.text in KEYWORDS or self.text(i + 1) not in ("=", ";", ",", ")", "[", ":", "{"):
                continue
            k = i - 1
            while self.text(k) in ("*", "&", "const"):
                k -= 1
            before = self.tokens[k] if k >= 0 else None
            is_type = before is not None and before.kind == "name" and before.text not in ("return", "else", "case", "goto", "delete",
                                                                                            "new", "throw", "sizeof")
            starts = k < 1 or self.text(k - 1) in (";", "{", "}", "(", ",", "const", "static", "struct", "unsigned", "long", "::", "enum")
            if is_type and starts and (k < i - 1 or i < self.body or before.line == t.line):
                found[t.text] = 1
        return found

    def add(self, kind, first, last, texts):
        """A place that spans the tokens first to last (inclusive) of one line."""
        a, b = self.tokens[first], self.tokens[last]
        if a.line != b.line or "\n" in b.text:
            return
        here = self.lines[a.line - self.first_line][a.column:b.end]
        texts = [t for t in dict.fromkeys(texts) if t != here]
        if texts:
            self.found.setdefault(kind, []).append((a.line, a.column, b.end, texts))

    def source(self, first, last):
        """Text of the tokens first to last, None when they are not on one line."""
        a, b = self.tokens[first], self.tokens[last]
        return self.lines[a.line - self.first_line][a.column:b.end] if first <= last and a.line == b.line else None

    def parts(self, opening):
        """(first, last) of what the commas in a bracket separate."""
        close, out, first = self.match.get(opening), [], opening + 1
        if close is None:
            return []
        for i in range(opening + 1, close + 1):
            if i == close or self.text(i) == "," and self.open[i] == opening:
                if i > first:
                    out.append((first, i - 1))
                first = i + 1
        return out

    def near(self, name, others):
        own = {t.text for t in self.tokens}
        alike = [o for o in others if o != name and (o in own or o[:3] == name[:3] or o[-3:] == name[-3:])]
        return alike or [o for o in others if o != name]

    def visit(self, i):
        t = self.tokens[i]
        if t.kind == "op":
            self.operator(i)
        elif t.kind == "number":
            self.number(i)
        elif t.kind == "char":
            if re.fullmatch(r"'[A-Za-z]'", t.text):
                self.add("character", i, i, [t.text.swapcase()])
            others = [c for c in self.names["chars"] if c != t.text]
            if others:
                self.add("character", i, i, others)
        elif t.kind == "string" and 2 < len(t.text) < 30 and "\\" not in t.text and t.text[0] == '"':
            value = t.text[1:-1]
            self.add("string", i, i, ['"%s"' % s for s in (value[:-1], value[1:], value.upper(), value + " ")]
                     + self.near(t.text, self.names["strings"]))
        elif t.kind == "name":
            self.word(i)

    def operator(self, i):
        t = self.text(i)
        binary = self.is_value_end(i - 1)
        if binary:
            for kind, table in (("comparison", COMPARISONS), ("arithmetic", ARITHMETIC), ("bitwise", BITWISE), ("logical", LOGICAL)):
                is_pointer = t in "*&" and self.text(i - 1) not in self.locals and self.tokens[i - 1].kind == "name"
                if t in table and not is_pointer:
                    self.add(kind, i, i, table[t])
            if t in ("<", ">", "<=", ">=", "-", "/", "%") and self.is_value_end(i + 1) and self.text(i + 2) in (")", ";", "&&", "||", ",", "?"):
                if self.text(i - 2) in ("(", "=", "return", "&&", "||", ",", "?") and self.tokens[i - 1].line == self.tokens[i + 1].line:
                    self.add("operands", i - 1, i + 1, [f"{self.text(i + 1)} {t} {self.text(i - 1)}"])
            if t in ("<", ">", "<=", ">=") and self.is_value_end(i + 1) and self.text(i + 2) in (")", ";", "&&", "||"):
                right = self.text(i + 1)
                if self.tokens[i + 1].kind == "name":
                    self.add("off by one", i + 1, i + 1, [right + " - 1", right + " + 1"])
            if t == "==" and self.open[i] is not None:
                self.add("assignment", i, i, ["="])
            if t in ("&&", "||"):
                self.half(i)
        if t in AUGMENTED:
            self.add("assignment operator", i, i, AUGMENTED[t])
        if t in ("++", "--"):
            self.add("increment", i, i, ["--" if t == "++" else "++"])
            if self.is_value_end(i - 1) and self.text(i + 1) not in (";", ")") and self.text(i - 2) not in (".", "->"):
                self.add("order of increment", i - 1, i, [t + self.text(i - 1)])
        if t == "!" and self.text(i + 1) != "=":
            self.add("negated condition", i, i, [""])
        if t == "->":
            self.add("arrow", i, i, ["."])
        if t == "." and self.is_value_end(i - 1):
            self.add("arrow", i, i, ["->"])
        if t in "*&" and not binary and self.is_value_end(i + 1) and self.text(i - 1) in ("=", "(", ",", "return", "+", "-", "&&", "||", "!", "=="):
            self.add("pointer", i, i, ["", "&" if t == "*" else "*"])
        if t == "-" and not binary:
            self.add("minus", i, i, [""])
        if t == "?":
            self.ternary(i)
        if t == "[" and self.is_value_end(i - 1) and i in self.match and self.match[i] > i + 1:
            self.index(i)
        if t == "(":
            self.bracket(i)

    def half(self, i):
        opening = self.open[i]
        if opening is None or self.text(opening) != "(" or opening not in self.match:
            return
        stops = [k for k in range(opening + 1, self.match[opening]) if self.open[k] == opening and self.text(k) in ("&&", "||", ",", ";", "?")]
        first = max([k for k in stops if k < i], default=opening) + 1
        last = min([k for k in stops if k > i], default=self.match[opening]) - 1
        left, right = self.source(first, i - 1), self.source(i + 1, last)
        if left and right:
            self.add("half condition", first, last, [left, right])

    def ternary(self, i):
        colon = next((k for k in range(i + 1, min(len(self.tokens), i + 30)) if self.text(k) == ":" and self.open[k] == self.open[i]), None)
        end = colon and next((k for k in range(colon + 1, min(len(self.tokens), colon + 30))
                              if self.text(k) in (";", ",") and self.open[k] == self.open[i] or k == self.match.get(self.open[i], -1)), None)
        if not end:
            return
        yes, no = self.source(i + 1, colon - 1), self.source(colon + 1, end - 1)
        if yes and no and yes != no:
            self.add("ternary", i + 1, end - 1, [f"{no} : {yes}"])

    def index(self, i):
        close = self.match[i]
        text = self.source(i + 1, close - 1)
        if not text:
            return
        if re.fullmatch(r"\d+", text):
            self.add("index", i + 1, close - 1, [str(int(text) + 1)] + ([str(int(text) - 1)] if int(text) else []))
        elif re.fullmatch(r"\w+", text):
            self.add("index", i + 1, close - 1, [text + " + 1", text + " - 1"])
        elif re.fullmatch(r"\w+ ?[-+] ?1", text):
            self.add("index", i + 1, close - 1, [re.match(r"\w+", text)[0]])

    def bracket(self, i):
        before = self.tokens[i - 1]
        parts = self.parts(i)
        if before.text in ("if", "while") and parts:
            first, last = i + 1, self.match[i] - 1
            text = self.source(first, last)
            if text and not text.startswith("!"):
                simple = re.fullmatch(r"[\w.\[\]>-]+(\(.*\))?", text) and "&&" not in text and "||" not in text
                self.add("negated condition", first, last, ["!" + text if simple else f"!({text})"])
        if before.kind != "name" or before.text in KEYWORDS:
            is_cast = before.text in ("=", "(", ",", "return", "+", "-", "*", "/") and i in self.match
            inner = self.source(i + 1, self.match[i] - 1) if is_cast and self.match[i] > i + 1 else None
            if inner and re.fullmatch(r"(const )?(unsigned |signed |struct )?\w+( ?\*+)?", inner) and self.is_value_end(self.match[i] + 1) \
                    and (inner.split()[-1] in KEYWORDS or inner.endswith(("_t", "*"))):
                self.add("cast", i, self.match[i], [""])
            return
        name = before.text
        if self.text(i - 2) in ("::", ".", "->"):
            others = self.names["methods"]
        else:
            others = self.names["functions"]
        if name in OPPOSITES:
            self.add("opposite", i - 1, i - 1, [OPPOSITES[name]])
        same = [o for o in others if o != name and others[o] == others.get(name)]
        if same:
            self.add("called function", i - 1, i - 1, self.near(name, same))
        texts = [self.source(*p) for p in parts]
        for (a, b), x, y in zip(zip(parts, parts[1:]), texts, texts[1:]):
            if x and y and x != y:
                self.add("swapped arguments", a[0], b[1], [f"{y}, {x}"])
        if len(parts) == 1 and texts[0] and self.text(i - 2) not in (".", "->", "::") and not self.is_statement(i - 1):
            self.add("missing call", i - 1, self.match[i], [texts[0]])
        if len(parts) > 2:
            for k, (first, last) in enumerate(parts):
                if k + 1 < len(parts):
                    self.add("dropped argument", first, last + 1, [""])

    def is_statement(self, i):
        return self.text(i - 1) in (";", "{", "}", ")", ":")

    def number(self, i):
        text = self.text(i)
        match = re.fullmatch(r"(\d{1,6})([uUlL]*)", text)
        if not match or (len(match[1]) > 1 and match[1][0] == "0"):
            return
        value, suffix = int(match[1]), match[2]
        self.add("constant", i, i, [f"{value + 1}{suffix}"] + ([f"{value - 1}{suffix}"] if value else []))
        if self.text(i - 1) == "=" and self.text(i + 1) in (";", ","):
            self.add("initial value", i, i, ["1" if value == 0 else "0"])
        if value == 1 and self.text(i - 1) in ("+", "-") and self.is_value_end(i - 2):
            self.add("off by one", i - 1, i, [""])

    def word(self, i):
        t, after, before = self.text(i), self.text(i + 1), self.text(i - 1)
        if t in ("true", "false"):
            self.add("truth", i, i, ["false" if t == "true" else "true"])
        if t in ("break", "continue") and after == ";":
            self.add("loop exit", i, i, ["continue" if t == "break" else "break"])
        if t == "return" and after != ";":
            self.result(i)
        if t == "else" and after == "if":
            self.add("else if", i, i + 1, ["if"])
        if t in TYPES and before in (";", "{", "}", "(", "const", "static") and self.text(i + 1) not in ("*", "long", "int", "char"):
            self.add("declared type", i, i, TYPES[t])
        if t == "sizeof" and after == "(" and i + 1 in self.match:
            inner = self.source(i + 2, self.match[i + 1] - 1)
            if inner and inner.startswith("*"):
                self.add("sizeof", i, self.match[i + 1], [f"sizeof({inner[1:]})"])
            elif inner:
                self.add("sizeof", i, self.match[i + 1], [f"sizeof({inner} *)", f"sizeof(*{inner})"])
        if t in KEYWORDS:
            return
        if before in (".", "->"):
            if after != "(":
                others = self.near(t, self.names["members"])
                if others:
                    self.add("member", i, i, others)
            return
        if t in self.locals and after != "(" and before != "::":
            declares = self.tokens[i - 1].kind == "name" and self.text(i - 1) not in KEYWORDS or before in TYPES or before == "char"
            if not declares:
                self.add("variable", i, i, [o for o in self.locals if o != t])
            if before in ("*", "+", "-") and self.is_value_end(i - 2):
                self.add("minus", i, i, ["-" + t])
        elif t.isupper() and len(t) > 2 and after != "(":
            others = [o for o in self.near(t, self.names["constants"]) if o != t]
            if others:
                self.add("named constant", i, i, others)

    def result(self, i):
        end = next((k for k in range(i + 1, len(self.tokens)) if self.text(k) == ";"), None)
        text = end and self.source(i + 1, end - 1)
        if not text:
            return
        others = [r for r in self.names["returns"] if r != text]
        own = [r for r in others if all(w in {t.text for t in self.tokens} or not re.match(r"[a-z]", w) for w in re.findall(r"\w+", r))]
        flips = {"0": ["1", "-1"], "1": ["0"], "-1": ["0"], "NULL": [], "true": ["false"], "false": ["true"]}.get(text, [])
        if flips or own:
            self.add("return value", i + 1, end - 1, flips + own[:6])

    def deletions(self):
        """Lines of one whole statement: those that end with `;` behind one that ends with `;`, `{`, `}` or `:`."""
        last_text = {}
        for t in self.tokens:
            last_text.setdefault(t.line, []).append(t)
        ordered = sorted(last_text)
        for previous, line in zip(ordered, ordered[1:]):
            here, before = last_text[line], last_text[previous]
            if before[-1].text not in (";", "{", "}", ":") or here[-1].text != ";" or line <= self.tokens[self.body].line:
                continue
            is_declaration = len(here) > 1 and here[0].kind == "name" and (here[0].text in TYPES or here[1].kind == "name" or here[1].text == "*") \
                and here[0].text not in ("return", "goto", "delete")
            depth = sum((t.text in "([{") - (t.text in ")]}") for t in here if t.kind == "op")
            if depth == 0 and not is_declaration and here[0].text not in ("}", "else", "case", "default"):
                kind = "missing break" if here[0].text == "break" else "deleted line"
                self.found.setdefault(kind, []).append((line, None, None, [""]))
                if any(t.kind == "op" and (t.text in AUGMENTED or t.text in ("++", "--")) for t in here):
                    self.found.setdefault(ADDED, []).append((line, None, None, [""]))


def file_names(text):
    """What a file offers as wrong choices."""
    names = {"functions": {}, "methods": {}, "members": {}, "strings": {}, "chars": {}, "constants": {}, "returns": {}}
    tokens = tokens_of(text.split("\n"), 1)
    for i, t in enumerate(tokens[:-1]):
        before, after = tokens[i - 1].text if i else "", tokens[i + 1].text
        if t.kind == "name" and t.text not in KEYWORDS:
            if after == "(":
                depth, count, k = 0, 0, i + 1
                while k < min(len(tokens), i + 60):
                    depth += (tokens[k].text in "([{" and tokens[k].kind == "op") - (tokens[k].text in ")]}" and tokens[k].kind == "op")
                    count += tokens[k].text == "," and depth == 1
                    if depth == 0:
                        break
                    k += 1
                names["methods" if before in (".", "->") else "functions"].setdefault(t.text, count + (k > i + 2))
            elif before in (".", "->"):
                names["members"][t.text] = 1
            elif t.text.isupper() and len(t.text) > 2:
                names["constants"][t.text] = 1
        elif t.kind == "string" and 2 < len(t.text) < 30 and "\\" not in t.text:
            names["strings"][t.text] = 1
        elif t.kind == "char":
            names["chars"][t.text] = 1
    for result in re.findall(r"\breturn\s+([^;\n]{1,40});", text):
        names["returns"][result.strip()] = 1
    return names


def bugs_of(record, lines, names, source, count=1, allowed=None):
    """Up to `count` bugs of a function, on lines that `allowed` holds."""
    first, last = record["first_line"], record["last_line"]
    sites = Sites(lines[first - 1:last], first, names).found
    if allowed is not None:
        sites = {kind: [p for p in places if p[0] in allowed] for kind, places in sites.items()}
        sites = {kind: places for kind, places in sites.items() if places}
    made = []
    for _ in range(count * 8):
        if not sites or len(made) == count:
            break
        kinds = sorted(sites)
        kind = source.choices(kinds, [len(sites[k]) ** 0.3 for k in kinds])[0]
        line, begin, end, texts = source.choice(sites[kind])
        correct = lines[line - 1]
        bug = record | {"kind": kind, "line": line, "correct": correct, "buggy": "", "deleted": begin is None}
        if kind == ADDED:
            bug |= {"correct": "", "buggy": correct, "deleted": False, "extra": True}
        elif begin is not None:
            bug["buggy"] = correct[:begin] + source.choice(texts) + correct[end:]
            if "".join(bug["buggy"].split()) == "".join(correct.split()):
                continue
        if bug not in made:
            made.append(bug)
    return made


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("role")
    arguments.add_argument("--work", type=pathlib.Path, default=DEFAULT_WORK)
    arguments.add_argument("--count", type=int, default=1500)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    packages = {}
    with open(options.work / "functions" / f"{options.role}.jsonl") as file:
        for record in map(json.loads, file):
            record.pop("source")
            packages.setdefault(record["package"], []).append(record)
    source = random.Random(options.seed)
    for records in packages.values():
        source.shuffle(records)
    in_turn = [r for group in itertools.zip_longest(*(packages[p] for p in sorted(packages))) for r in group if r]
    (options.work / "bugs").mkdir(exist_ok=True)
    made, files = 0, {}
    with open(options.work / "bugs" / f"{options.role}.jsonl", "w") as out:
        for record in in_turn:
            if made >= options.count:
                break
            if record["file"] not in files:
                text = (options.work / "src" / record["file"]).read_text()
                files[record["file"]] = text.split("\n"), file_names(text)
            lines, names = files[record["file"]]
            for bug in bugs_of(record, lines, names, random.Random(f"{options.seed} {record['file']} {record['first_line']}")):
                out.write(json.dumps(bug) + "\n")
                made += 1
    print(f"{made} bugs")


if __name__ == "__main__":
    main()
