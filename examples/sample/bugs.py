"""The twelve bugs of the sample, one line each. They stay out of the folder that is repaired.

    python3 bugs.py apply N FOLDER    puts bug N (1 to 12) into a copy of the package
"""

import pathlib
import sys

# (file, the line as it is right, the line with the bug)
BUGS = [
    ("stock/ledger.py", "        return [m for m in self.movements if first <= m.day <= last]",
     "        return [m for m in self.movements if first <= m.day < last]"),
    ("stock/orders.py", "        return sorted(waiting, key=lambda o: (-o.priority, o.day, o.number))",
     "        return sorted(waiting, key=lambda o: (o.priority, o.day, o.number))"),
    ("stock/item.py", "        return Quantity(self.pieces + other.pieces)",
     "        return Quantity(self.pieces + other.amount)"),
    ("stock/warehouse.py", "        fitting = min(pieces, self.free)",
     "        fitting = max(pieces, self.free)"),
    ("stock/forecast.py", "    return [mean(values[i:i + width]) for i in range(len(values) - width + 1)]",
     "    return [mean(values[i:i + width]) for i in range(len(values) - width)]"),
    ("stock/orders.py", "            if not self.can_serve(order):",
     "            if self.can_serve(order):"),
    ("stock/warehouse.py", "            missing -= shelf.take(code, missing)",
     "            missing -= shelf.take(code, quantity)"),
    ("stock/report.py", "        totals[item.family] = totals.get(item.family, 0) + count",
     "        totals[item.family] = totals.get(item.code, 0) + count"),
    ("stock/ledger.py", "                total -= movement.pieces",
     "                total += movement.pieces"),
    ("stock/forecast.py", "        whole += step",
     "        whole += number"),
    ("stock/item.py", "        return self.code.split(\"-\")[0]",
     "        return self.code.split(\"-\")[1]"),
    ("stock/warehouse.py", "        self.content[code] -= taken",
     "        self.content[code] -= pieces"),
]


def apply(number, folder):
    """Replaces the one right line by the wrong one; fails when it does not stand there exactly once."""
    name, right, wrong = BUGS[number - 1]
    path = pathlib.Path(folder) / name
    lines = path.read_text().split("\n")
    if lines.count(right) != 1:
        sys.exit(f"{name}: the line of bug {number} stands there {lines.count(right)} times")
    lines[lines.index(right)] = wrong
    path.write_text("\n".join(lines))


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] != "apply" or not 1 <= int(sys.argv[2]) <= len(BUGS):
        sys.exit(__doc__)
    apply(int(sys.argv[2]), sys.argv[3])
