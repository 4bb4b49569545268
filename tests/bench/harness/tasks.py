"""The twenty tasks of the harness benchmark: small repositories in Python, in C++ and in both.

Each names what is read and what is edited; a dialect of server.py turns that into a harness's own
calls, so that every harness takes the same logical steps: check, read, edit, check, finish.
"""

import dataclasses
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SAMPLE = HERE.parents[2] / "examples" / "sample"
sys.path.insert(0, str(SAMPLE))
import bugs  # noqa: E402

REPAIR = "The tests fail. Find the bug and repair it."


@dataclasses.dataclass
class Task:
    name: str
    repository: str  # "sample", or a folder of repositories/
    check: str
    text: str
    reads: list
    edits: list  # (path, old text, new text): what solves it
    breaks: list = dataclasses.field(default_factory=list)  # the same: what makes it wrong

    def prepare(self, folder):
        """A git repository with the task's state in it."""
        source = SAMPLE / "package" if self.repository == "sample" else HERE / "repositories" / self.repository
        shutil.copytree(source, folder)
        for path, old, new in self.breaks:
            replace(folder / path, old, new)
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All of it"]):
            subprocess.run(
                ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", folder, *command],
                check=True,
            )


def replace(path, old, new):
    text = path.read_text()
    if text.count(old) != 1:
        sys.exit(f"{path}: {old!r} stands there {text.count(old)} times")
    path.write_text(text.replace(old, new))


def sample(number):
    path, right, wrong = bugs.BUGS[number - 1]
    # With as many lines above it as make the wrong line stand there once.
    lines = (SAMPLE / "package" / path).read_text().split("\n")
    at = lines.index(right)
    first = at
    while "\n".join(lines[:at] + [wrong] + lines[at + 1:]).count(
            "\n".join(lines[first:at] + [wrong])) > 1:
        first -= 1
    right, wrong = ("\n".join(lines[first:at] + [line]) for line in (right, wrong))
    other = "tests/" + sorted(p.name for p in (SAMPLE / "package" / "tests").glob("test_*.py"))[number % 2]
    return Task(
        f"python-{number}", "sample", "python3 -m unittest -q", REPAIR, [other, path],
        [(path, wrong + "\n", right + "\n")], [(path, right + "\n", wrong + "\n")],
    )


def repair(name, repository, path, right, wrong, reads):
    return Task(name, repository, "make test", REPAIR, [*reads, path], [(path, wrong, right)],
                [(path, right, wrong)])


TASKS = [sample(n) for n in range(1, 11)] + [
    repair("cpp-quotes", "settings", "src/text.cc", "text[i] == '\\\\' && i + 2 < text.size()",
           "text[i] == '\\\\' && i + 3 < text.size()", ["tests/run_tests.cc", "include/settings/text.h"]),
    repair("cpp-case", "settings", "src/document.cc", "known.values.find(lower(key))",
           "known.values.find(std::string(key))", ["tests/run_tests.cc"]),
    repair("cpp-unit", "settings", "src/typed.cc", "count * 3600", "count * 360",
           ["include/settings/typed.h"]),
    Task(
        "cpp-rename", "settings", "make test && grep -q sections_of README.md",
        "Rename Document::sections to sections_of in header, source, tests and add it to the README.",
        ["include/settings/document.h", "src/document.cc", "tests/run_tests.cc", "README.md"],
        [
            ("include/settings/document.h", "std::vector<std::string> sections() const;",
             "std::vector<std::string> sections_of() const;"),
            ("src/document.cc", "Document::sections() const", "Document::sections_of() const"),
            ("tests/run_tests.cc", "document.sections() ==", "document.sections_of() =="),
            ("README.md", "no includes.", "no includes. `Document::sections_of` names the sections."),
        ],
    ),
    Task(
        "cpp-days", "settings", "make test",
        "Durations in days: seconds() shall take the unit d. A test for it, and the header's comment.",
        ["include/settings/typed.h", "src/typed.cc", "tests/run_tests.cc"],
        [
            ("include/settings/typed.h", '"2 h" in seconds', '"2 h", "1 d" in seconds'),
            ("src/typed.cc", '  if (unit == "h") return count * 3600;\n',
             '  if (unit == "h") return count * 3600;\n  if (unit == "d") return count * 86400;\n'),
            ("tests/run_tests.cc", '    "wait = 30\\n";', '    "wait = 30\\n"\n    "pause = 2 d\\n";'),
            ("tests/run_tests.cc", '  EXPECT(seconds(document, "client", "wait", 0) == 30);\n',
             '  EXPECT(seconds(document, "client", "wait", 0) == 30);\n'
             '  EXPECT(seconds(document, "client", "pause", 0) == 172800);\n'),
        ],
    ),
    repair("mixed-mean", "signals", "native/filters.cc", "if (i >= width) sum -= values[i - width];",
           "if (i > width) sum -= values[i - width];", ["tests/test_filters.py", "signals/filters.py"]),
    repair("mixed-peaks", "signals", "native/filters.cc", "values[i] > floor && values[i] > values[i - 1]",
           "values[i] >= floor && values[i] > values[i - 1]", ["tests/test_filters.py"]),
    repair("mixed-rate", "signals", "signals/series.py", "(v1 - v0) / (t1 - t0) for", "(v1 - v0) / t1 for",
           ["tests/test_series.py"]),
    repair("mixed-restype", "signals", "signals/filters.py", "return list(out[:count])",
           "return list(out[: count + 1])", ["tests/test_filters.py", "native/filters.h"]),
    Task(
        "mixed-minimum", "signals", "make test",
        "Add moving_minimum in C++, its Python function, its export and a test.",
        ["native/filters.h", "native/filters.cc", "signals/filters.py", "signals/__init__.py",
         "tests/test_filters.py"],
        [
            ("native/filters.h", "// Indices of values", "// The same with the smallest value.\n"
             "void moving_minimum(const double* values, size_t count, size_t width, double* out);\n"
             "// Indices of values"),
            ("native/filters.cc", "size_t peaks(",
             "void moving_minimum(const double* values, size_t count, size_t width, double* out) {\n"
             "  for (size_t i = 0; i < count; ++i) {\n"
             "    const size_t first = i + 1 > width ? i + 1 - width : 0;\n"
             "    out[i] = *std::min_element(values + first, values + i + 1);\n  }\n}\n\nsize_t peaks("),
            ("signals/filters.py", "def peaks(", "def moving_minimum(values, width):\n"
             "    return _windowed(_native.moving_minimum, values, width)\n\n\ndef peaks("),
            ("signals/__init__.py", "from signals.filters import moving_mean, moving_median, peaks",
             "from signals.filters import moving_mean, moving_median, moving_minimum, peaks"),
            ("signals/__init__.py", '"moving_median", "peaks"]', '"moving_median", "moving_minimum", "peaks"]'),
            ("tests/test_filters.py", "import moving_mean, moving_median, peaks",
             "import moving_mean, moving_median, moving_minimum, peaks"),
            ("tests/test_filters.py", "    def test_peaks_are",
             "    def test_minimum(self):\n"
             "        self.assertEqual(moving_minimum([3, 1, 2, 4], 2), [3, 1, 1, 2])\n\n"
             "    def test_peaks_are"),
        ],
    ),
]
