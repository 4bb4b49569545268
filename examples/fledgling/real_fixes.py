"""Mines one-line changes that people made between two releases of a package:
WORK/bugs/fixes-fit.jsonl and fixes-report.jsonl, halves by package.

    python3 real_fixes.py plan         prints RELEASES anew, from what the package index offers
    python3 real_fixes.py fetch        RELEASES -> WORK/fixes/src/NAME-VERSION, Python files only
    python3 real_fixes.py mine [--print]
    python3 real_fixes.py made         made bugs in the newest releases: WORK/bugs/fixes-made.jsonl

A change counts when the rest of its function is the same in both releases but for comments and the
docstring, and when one line was replaced, added or taken away. Left out are texts of messages,
annotations, imports, headers of functions and classes, moves to newer Python, and substitutions that
a pair of releases makes three times or more, which are renames. No test says that a change repairs
something; most do, some are only taste.

The records are those of mutate.py: the buggy file is the newer file with the older line put back.
`extra` is true where the fix takes a line away: the buggy file has `buggy` before line `line`. No
package is of the roles heldout or tables.
"""

import argparse
import ast
import collections
import difflib
import io
import itertools
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tokenize
import warnings
import zipfile

import extract
import fetch
import mutate

VERSIONS = 10
LONGEST = 120  # lines of a function
MOST = 120  # changes of a package
TYPING = {
    "Optional", "Union", "List", "Dict", "Tuple", "Set", "Any", "cast", "TypeVar", "Callable",
    "Iterable", "Iterator", "Sequence", "Mapping", "TYPE_CHECKING", "typing", "Self", "Literal",
    "ClassVar", "Final", "Type", "ParamSpec", "t", "te",
}
OLD_PYTHON = re.compile(
    r"\b(six|unicode|basestring|iteritems|itervalues|iterkeys|xrange|has_key|izip|im_func|compat|"
    r"PY2|PY3|super|OrderedDict|utcnow|utcfromtimestamp|namedtuple|asyncio\.coroutine)\b"
)
TALK = re.compile(
    r"version|deprecat|import_module|\b(log|logger|LOG|logging|_logger|warnings?|print|echo|TODO|noqa)\b|"
    r"^\s*(import|from|def|async def|class|@|global|nonlocal|assert)\b|type: ignore|pragma"
)
# Licences: MIT, BSD, Apache-2.0 (trio: either; kafka-python: Apache-2.0), as packages.toml has them.
RELEASES = {
    "requests": "2.34.2 2.32.3 2.28.1 2.24.0 2.19.1 2.17.3 2.16.3 2.14.0 2.12.1 2.9.0",
    "flask": "3.1.3 3.0.0 2.2.4 2.1.1 1.1.4 1.0.2 0.12.2 0.9 0.6.1 0.3",
    "httpx": "0.28.1 0.25.1 0.23.1 0.20.0 0.17.0 0.15.1 0.13.3 0.11.0 0.9.2 0.7.5",
    "prompt_toolkit": "3.0.53 3.0.46 3.0.40 3.0.33 3.0.27 3.0.20 3.0.14 3.0.7 3.0.1 2.0.5",
    "marshmallow": "4.4.0 4.2.0 3.26.2 3.24.0 3.21.3 3.19.0 3.14.1 3.11.0 3.7.0 3.3.0",
    "jsonschema": "4.26.0 4.21.1 4.18.6 4.17.3 4.13.0 4.10.0 4.7.0 4.3.3 4.1.2 3.0.2",
    "celery": "5.7.0 5.5.1 5.3.1 5.2.1 5.0.4 4.4.5 4.3.1 4.0.2 3.1.22 3.1.15",
    "kombu": "5.7.0 5.5.1 5.3.6 5.2.4 5.0.2 4.6.5 4.5.0 4.0.1 3.0.33 3.0.26",
    "wtforms": "3.3.2 3.2.1 3.1.1 2.3.3 2.3.0 2.0.2 1.0.5 1.0.1 0.6.2 0.4",
    "urllib3": "2.8.0 2.4.0 2.1.0 1.26.20 1.26.14 1.26.7 1.26.1 1.25.6 1.24.2 1.20",
    "trio": "0.35.0 0.30.0 0.26.1 0.23.2 0.22.0 0.18.0 0.14.0 0.10.0 0.5.0",
    "falcon": "4.4.0 4.1.0 4.0.0 3.1.0 1.4.1 1.2.0 0.2 0.1.7 0.1.4 0.1.0",
    "nltk": "3.10.4 3.9.4 3.8.1 3.6.5 3.5 3.4.1 3.2.3 3.0.5 3.0.0 2.0.1",
    "jinja2": "3.1.6 3.1.1 3.0.0 2.10.2 2.9.4 2.8.1 2.7 2.5.1 2.3 2.0",
    "pygments": "2.21.0 2.17.1 2.14.0 2.9.0 2.7.1 2.4.1 2.1.2 1.5 1.2 0.9",
    "babel": "2.18.0 2.14.0 2.12.0 2.10.1 2.8.1 2.5.2 2.3.4 2.3.0 1.3 0.9.6",
    "aiohttp": "3.14.5 3.13.4 3.12.14 3.12.7 3.11.18 3.11.8 3.11.2 3.10.7 3.10.1 3.9.0",
    "starlette": "1.10.0 1.4.1 1.1.0 0.49.3 0.47.2 0.45.2 0.41.3 0.38.6 0.38.0 0.36.0",
    "redis": "8.1.0 7.2.2 7.0.0 5.3.1 5.0.8 5.0.1 4.5.2 4.4.0 4.3.1 4.1.2",
    "scrapy": "2.19.0 2.14.2 2.13.1 2.10.0 2.6.2 2.3.0 1.8.4 1.7.2 1.5.0 1.2.2",
    "jedi": "0.20.1 0.19.1 0.18.0 0.17.0 0.15.0 0.13.3 0.12.1 0.11.0 0.9.0 0.6.0",
    "pytest": "9.2.0 8.4.2 8.3.2 8.1.1 7.4.2 7.2.1 7.0.1 6.2.0 6.0.0 5.3.3",
    "coverage": "7.17.3 7.15.4 7.14.2 7.13.1 7.11.0 7.10.1 7.8.1 7.6.9 7.6.3 7.5.1",
    "mkdocs": "1.6.1 1.4.3 1.2.3 1.1 0.17.5 0.16.2 0.15.0 0.12.2 0.8 0.2",
    "sqlfluff": "4.5.0 4.0.4 3.4.0 3.2.1 3.0.5 2.3.4 2.2.0 2.0.6 2.0.0 1.3.2",
    "djangorestframework": "3.18.3 3.16.1 3.13.1 3.11.2 3.10.0 3.8.1 3.7.3 3.6.1 3.5.0 3.4.1",
    "trimesh": "5.2.0 4.11.5 4.10.1 4.7.4 4.6.11 4.6.4 4.5.2 4.4.4 4.3.1 4.1.8",
    "fonttools": "4.68.0 4.62.1 4.60.0 4.58.2 4.55.7 4.55.0 4.52.3 4.47.0 4.43.1 4.39.4",
    "pdfminer.six": "20260107 20251227 20250327 20221105 20211012 20200517 20200121 20191020 20170418 20140915",
    "pypdf": "7.1.0 6.21.0 6.17.0 6.14.0 6.12.1 6.9.1 6.7.2 6.4.2 6.1.2 5.6.1",
    "ezdxf": "1.4.5 1.3.4 1.1.4 1.0.1 0.17 0.16 0.14 0.12.1 0.10.3 0.8.8",
    "openpyxl": "3.1.5 3.0.9 3.0.2 2.6.0 2.5.8 2.5.1 2.4.7 2.3.4 2.2.5 2.1.4",
    "docker": "7.2.0 6.0.1 4.4.4 4.2.2 4.0.0 3.5.0 3.1.4 2.7.0 2.4.1 2.0.1",
    "robotframework": "7.5 7.3.1 7.1 6.0.2 4.1.3 4.0.1 3.1.2 3.0.2 2.8.7 2.8.2",
    "telethon": "1.45.0 1.41.1 1.37.0 1.32.0 1.29.3 1.28.0 1.25.2 1.21 1.19.1 1.17.3",
    "xarray": "2026.9.0 2025.10.1 2025.7.0 2025.1.1 2024.6.0 2023.11.0 2023.6.0 2023.1.0 2022.3.0 0.18.2",
    "dask": "2026.8.0 2026.1.1 2025.9.2 2025.4.0 2024.12.0 2024.8.1 2024.6.0 2024.3.1 2023.12.1 2023.9.1",
    "luigi": "3.8.1 3.5.1 3.1.1 2.8.12 2.8.6 2.7.9 2.7.3 2.5.0 2.2.0 1.1.2",
    "kafka-python": "3.0.12 3.0.5 2.3.2 2.2.17 2.2.11 2.2.4 2.1.5 2.0.5 1.4.7 1.4.0",
    "traitlets": "5.16.1 5.14.2 5.11.2 5.9.0 5.6.0 5.2.1 5.0.4 4.3.3 4.2.1",
    "slack_sdk": "3.47.0 3.41.0 3.36.0 3.33.1 3.28.0 3.25.0 3.21.2 3.19.4 3.18.4 3.17.0",
}


def simple_versions(name):
    """Releases with a wheel, newest first, without release candidates and the like."""
    command = [sys.executable, "-m", "pip", "index", "versions", "--only-binary", ":all:", name]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = re.search(r"Available versions: (.*)", output)
    return [v for v in found[1].split(", ") if re.fullmatch(r"[\d.]+", v)] if found else []


def plan(names):
    """Up to VERSIONS releases of each, spread over the newest sixty."""
    for name in names:
        versions = simple_versions(name)[:60]
        step = max(1.0, (len(versions) - 1) / (VERSIONS - 1))
        chosen = [versions[round(i * step)] for i in range(VERSIONS) if round(i * step) < len(versions)]
        print(f'    "{name}": "{" ".join(chosen)}",', flush=True)


def download(work):
    """Fetches what is not there, one release of every package at a time."""
    source = work / "fixes" / "src"
    source.mkdir(parents=True, exist_ok=True)
    for turn in range(VERSIONS):
        wanted = [(n, v.split()[turn]) for n, v in RELEASES.items() if turn < len(v.split())]
        wanted = [(n, v) for n, v in wanted if not (source / f"{n}-{v}").is_dir()]
        while wanted:
            part, wanted = wanted[:8], wanted[8:]
            with tempfile.TemporaryDirectory(dir=work) as temporary:
                into = pathlib.Path(temporary)
                command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
                command += ["--only-binary", ":all:", "-d", temporary]
                for group in [part] if len(part) == 1 else [part, *[[p] for p in part]]:
                    if all((source / f"{n}-{v}").is_dir() for n, v in group):
                        continue
                    failed = subprocess.run(
                        [*command, *(f"{n}=={v}" for n, v in group)], capture_output=True, text=True
                    )
                    if failed.returncode and len(group) == 1:
                        print(f"{group[0]}: {failed.stderr[-200:]}", file=sys.stderr)
                    for archive in into.glob("*.whl"):
                        keep(archive, source, group)
                        archive.unlink()


def keep(archive, source, group):
    """Unpacks the source files of a wheel."""
    plain = re.sub(r"[-_.]+", "-", archive.name.split("-")[0]).lower()
    for name, version in group:
        if re.sub(r"[-_.]+", "-", name).lower() != plain:
            continue
        target = source / f"{name}-{version}"
        with zipfile.ZipFile(archive) as z:
            for entry in z.namelist():
                taken = entry.endswith(".py") and extract.is_taken(entry, name)
                if taken or entry.endswith(".dist-info/METADATA"):
                    z.extract(entry, target)


def parsed(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def functions_of(text):
    """{qualified name: (first, last, docstring's lines, first of the body)}, names that occur once."""
    found, twice = {}, set()
    for qualname, node in extract.functions_of(parsed(text)):
        if qualname in found:
            twice.add(qualname)
        found[qualname] = (
            node.lineno, node.end_lineno, extract.doc_range(node), node.body[0].lineno
        )
    return {k: v for k, v in found.items() if k not in twice}


def code_lines(lines, place):
    """[(line number, text)] of a function without docstring, comment lines and empty lines."""
    first, last, doc, _ = place
    return [
        (n, lines[n - 1].rstrip())
        for n in range(first, last + 1)
        if not (doc and doc[0] <= n <= doc[1])
        and lines[n - 1].strip()
        and not lines[n - 1].lstrip().startswith("#")
    ]


def tokens_of(line):
    """Texts of the tokens of one line, without its comment; what does not lex is split by blanks."""
    try:
        found = tokenize.generate_tokens(io.StringIO(line.strip() + "\n").readline)
        return [t.string for t in found if t.string.strip() and t.type != tokenize.COMMENT]
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return line.split("#")[0].split()


def without_strings(line):
    line = re.sub(r"(\"[^\"\\]*(?:\\.[^\"\\]*)*\"|'[^'\\]*(?:\\.[^'\\]*)*')", "''", line)
    return re.sub(r"#.*", "", line)


def words(line):
    return re.findall(r"\w+", without_strings(line))


def kind_of(old, new):
    """What a replaced line's change is, for tables of results."""
    a, b = tokens_of(old), tokens_of(new)
    codes = [
        c for c in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if c[0] != "equal"
    ]
    lost = [t for _, i, j, _, _ in codes for t in a[i:j]]
    got = [t for _, _, _, i, j in codes for t in b[i:j]]
    if not lost + got:
        return "moved"
    operators = {"<", ">", "<=", ">=", "==", "!=", "is", "in", "not"}
    if not lost and ("and" in got or "or" in got):
        return "clause added"
    if not got and ("and" in lost or "or" in lost):
        return "clause dropped"
    if (lost + got).count("not") and set(lost + got) <= {"not", "(", ")"}:
        return "not"
    if set(lost) and set(got) and set(lost + got) <= operators | {"None"}:
        return "comparison"
    if len(lost) == len(got) == 1:
        if re.match(r"[rbuf]*['\"]", got[0]) and re.match(r"[rbuf]*['\"]", lost[0]):
            return "string"
        if got[0][0].isdigit() or lost[0][0].isdigit():
            return "number"
        if re.match(r"\w", got[0]) and re.match(r"\w", lost[0]):
            at = codes[0][1]
            called = at + 1 < len(a) and a[at + 1] == "("
            after_dot = at > 0 and a[at - 1] == "."
            return ("method" if called else "attribute") if after_dot else (
                "function" if called else "name")
        return "operator"
    if not lost:
        if set(got) & {"if", "else"}:
            return "conditional added"
        if got[0] == "," or got[-1] == ",":
            return "argument added"
        if got[0] == "." or got[-1] == ".":
            return "trailer added"
        if "(" in got:
            return "call added"
        return "[] added" if "[" in got else "added"
    if not got:
        if lost[0] == "," or lost[-1] == ",":
            return "argument dropped"
        if lost[0] == "." or lost[-1] == ".":
            return "trailer dropped"
        return "call dropped" if "(" in lost else "dropped"
    if {"except", "raise"} & {a[0], b[0]}:
        return "exception"
    if {"and", "or"} & (set(got) | set(lost)):
        return "clause changed"
    return "rewritten, short" if len(lost) + len(got) <= 8 else "rewritten, long"


def is_talk(old, new):
    """Whether a change is of messages, types or the newer Python."""
    a, b = words(old), words(new)
    changed = set(a) ^ set(b)
    if TALK.search(new) or TALK.search(old) or changed & TYPING:
        return True
    if any(OLD_PYTHON.search(" ".join(w)) for w in (set(a) - set(b), set(b) - set(a))):
        return True
    if without_strings(old).split() == without_strings(new).split():
        return True
    formats = bool(re.search(r"\b[rR]?[fF][\"']", new)) != bool(re.search(r"\b[rR]?[fF][\"']", old))
    if ("super()" in new) != ("super()" in old):
        return True
    unicode = re.sub(r"\bu(?=[\"'])", "", old).split() == new.split()
    cause = re.sub(r" from \w+$", "", new) == re.sub(r" from \w+$", "", old)
    return formats or unicode or cause


def signature(old, new):
    """What a substitution takes and gives, whatever the rest of its line."""
    a, b = collections.Counter(tokens_of(old)), collections.Counter(tokens_of(new))
    return " ".join(sorted((a - b).elements())) + " > " + " ".join(sorted((b - a).elements()))


def changes_of(old_text, new_text, counts):
    """(qualname, place in new, line in new, old line or None, new line or None) of functions with one
    changed line, where None is no line. Counts every substitution of a line.
    """
    old_functions, new_functions = functions_of(old_text), functions_of(new_text)
    old_lines, new_lines = old_text.split("\n"), new_text.split("\n")
    for qualname, place in new_functions.items():
        before = old_functions.get(qualname)
        if before is None or place[1] - place[0] > LONGEST:
            continue
        if old_lines[before[0] - 1 : before[1]] == new_lines[place[0] - 1 : place[1]]:
            continue
        a, b = code_lines(old_lines, before), code_lines(new_lines, place)
        texts = [t for _, t in a], [t for _, t in b]
        matcher = difflib.SequenceMatcher(None, *texts, autojunk=False)
        codes = [c for c in matcher.get_opcodes() if c[0] != "equal"]
        for _, i, j, k, m in codes:
            if j - i == m - k:
                counts.update(signature(x, y) for x, y in zip(texts[0][i:j], texts[1][k:m]))
        if len(codes) != 1:
            continue
        _, i, j, k, m = codes[0]
        if j - i > 1 or m - k > 1 or i == 0 or k == 0:
            continue
        line = b[k][0] if k < len(b) else place[1] + 1
        if line >= place[3]:
            yield qualname, place, line, a[i][1] if j > i else None, b[k][1] if m > k else None


class Untyped(ast.NodeTransformer):
    """Takes annotations away."""

    def visit_AnnAssign(self, node):
        return ast.Assign([node.target], node.value) if node.value else ast.Pass()


def plain(text):
    return ast.dump(Untyped().visit(parsed(text)))


def buggy_text(new_lines, change):
    _, _, line, old, new = change
    put = [] if old is None else [old]
    return "\n".join(new_lines[: line - 1] + put + new_lines[line - (new is None) :])


def record_of(package, version, path, change):
    qualname, place, line, old, new = change
    kind = "line added" if old is None else "line dropped" if new is None else kind_of(old, new)
    return {
        "package": package,
        "version": version,
        "file": f"{package}-{version}/{path}",
        "path": path,
        "qualname": qualname,
        "first_line": place[0],
        "last_line": place[1],
        "doc": place[2],
        "kind": "real: " + kind,
        "line": line,
        "correct": new or "",
        "buggy": old or "",
        "deleted": old is None,
        "extra": new is None,
    }


def is_taken(change, old_text, new_text, known):
    """Whether a change is one of code, both of whose sides parse."""
    _, place, line, old, new = change
    if old is not None and new is not None:
        if is_talk(old, new) or not set(words(old)) <= known:
            return False
    elif TALK.search(old or new) or OLD_PYTHON.search(old or new) or (old or new).strip() == "pass":
        return False
    if old is not None and not set(words(old)) <= known:
        return False
    if place[2] and place[2][0] <= line <= place[2][1]:
        return False
    try:
        wrong = buggy_text(new_text.split("\n"), change)
        return plain(wrong) != plain(new_text)
    except (SyntaxError, ValueError):
        return False


def pair(source, package, older, newer):
    """The records of two releases."""
    found, counts = [], collections.Counter()
    root, before = source / f"{package}-{newer}", source / f"{package}-{older}"
    for file in sorted(root.rglob("*.py")):
        path = file.relative_to(root).as_posix()
        if not (before / path).exists() or file.stat().st_size > 1 << 19:
            continue
        try:
            old, new = (before / path).read_bytes().decode(), file.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        if old == new or "\r" in new + old or extract.GENERATED.search(new[:1500]):
            continue
        try:
            changes = list(changes_of(old, new, counts))
        except (SyntaxError, ValueError, RecursionError):
            continue
        known = set(re.findall(r"\w+", new))
        for change in changes:
            if is_taken(change, old, new, known):
                found.append((change, record_of(package, newer, path, change)))
    for (_, _, _, old, new), record in found:
        if old is None or new is None or counts[signature(old, new)] < 3:
            yield record


def mine(work, show):
    entries = {e["name"]: e["roles"] for e in fetch.packages()}
    source = work / "fixes" / "src"
    reports = [n for n in sorted(RELEASES) if "ranker" not in entries.get(n, [])]
    reports = set(reports[::2]) | set(reports[1::8])
    outputs = {p: open(work / "bugs" / f"fixes-{p}.jsonl", "w") for p in ("fit", "report")}
    kinds = collections.Counter()
    for package, versions in RELEASES.items():
        if {"heldout", "tables"} & set(entries.get(package, [])):
            sys.exit(f"{package} is held out or counted in the tables")
        part, seen, count = "report" if package in reports else "fit", set(), 0
        versions = [v for v in versions.split() if (source / f"{package}-{v}").is_dir()]
        for newer, older in zip(versions, versions[1:]):
            for record in pair(source, package, older, newer):
                key = record["buggy"].strip(), record["correct"].strip()
                if key in seen or key[::-1] in seen:
                    continue
                if count == MOST:
                    break
                seen.add(key)
                count += 1
                kinds[part, record["kind"]] += 1
                outputs[part].write(json.dumps(record) + "\n")
                if show:
                    print(f"{record['kind']}\n  - {key[0]}\n  + {key[1]}")
        print(f"{package}: {count} ({part})", file=sys.stderr, flush=True)
    for (part, kind), count in sorted(kinds.items(), key=lambda item: (item[0][0], -item[1])):
        print(f"{count:6} {part} {kind}", file=sys.stderr)


def make(work, functions_max=900, bugs_max=330):
    """Made bugs (mutate.py) of the newest releases of the packages without the role ranker."""
    roles = {e["name"]: e["roles"] for e in fetch.packages()}
    source = work / "fixes" / "src"
    with open(work / "bugs" / "fixes-made.jsonl", "w") as out:
        for package, versions in RELEASES.items():
            there = [v for v in versions.split() if (source / f"{package}-{v}").is_dir()]
            if not there or "ranker" in roles.get(package, []):
                continue
            records = list(extract.extract(source / f"{package}-{there[0]}", source))
            random.Random(package).shuffle(records)
            records = sorted(records[:functions_max], key=lambda r: r["file"])
            bugs = []
            for _, group in itertools.groupby(records, key=lambda r: r["file"]):
                bugs += mutate.bugs_of(source, list(group), 1, 1)
            random.Random(package).shuffle(bugs)
            out.writelines(json.dumps(bug) + "\n" for bug in bugs[:bugs_max])
            print(f"{package}: {min(len(bugs), bugs_max)}", file=sys.stderr, flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("what", choices=["plan", "fetch", "mine", "made"])
    arguments.add_argument("--packages", nargs="*", help="for plan: others than those of RELEASES")
    arguments.add_argument("--print", action="store_true", help="shows what is found")
    arguments.add_argument("--work", type=pathlib.Path, default=fetch.DEFAULT_WORK)
    options = arguments.parse_args()
    if options.what == "plan":
        plan(options.packages or RELEASES)
    elif options.what == "fetch":
        download(options.work)
    elif options.what == "made":
        make(options.work)
    else:
        mine(options.work, options.print)


if __name__ == "__main__":
    main()
