"""Texts for people."""


def table(rows, header):
    """Rows of text in columns as wide as their widest cell."""
    cells = [list(map(str, row)) for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def money(cents):
    """1234567 -> "12,345.67"; negative amounts in parentheses."""
    text = f"{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
    return f"({text})" if cents < 0 else text


def stock_report(warehouse):
    rows = []
    for code in sorted(warehouse.items):
        item = warehouse.items[code]
        pieces = warehouse.ledger.balance(code)
        mark = "!" if pieces <= item.reorder_level else ""
        rows.append((code, item.name, pieces, money(pieces * item.price), mark))
    return table(rows, ("code", "name", "pieces", "value", ""))


def families(warehouse):
    """{family: pieces in stock}, the largest first."""
    totals = {}
    for item in warehouse.items.values():
        count = warehouse.ledger.balance(item.code)
        totals[item.family] = totals.get(item.family, 0) + count
    return dict(sorted(totals.items(), key=lambda pair: -pair[1]))
