"""How long the stock will last."""


def mean(values):
    if not values:
        raise ValueError("no values")
    return sum(values) / len(values)


def moving_average(values, width):
    """Means of each `width` consecutive values."""
    if width < 1:
        raise ValueError("width must be at least 1")
    return [mean(values[i:i + width]) for i in range(len(values) - width + 1)]


def daily_use(ledger, code, first, last):
    """Pieces that went out on each day of a range."""
    return [ledger.outgoing(code, day, day) for day in range(first, last + 1)]


def days_left(ledger, code, today, window=14):
    """Days until an item runs out at the mean use of the last days; None: never."""
    use = mean(daily_use(ledger, code, today - window + 1, today))
    if use == 0:
        return None
    return int(ledger.balance(code) / use)


def trend(values):
    """Slope of the line through the values, least squares, per step."""
    count = len(values)
    if count < 2:
        return 0.0
    middle = (count - 1) / 2
    level = mean(values)
    above = sum((i - middle) * (v - level) for i, v in enumerate(values))
    below = sum((i - middle) ** 2 for i in range(count))
    return above / below


def plan(ledger, items, today, horizon=30, window=14):
    """[(code, pieces)] to order so that every item lasts for `horizon` days."""
    wanted = []
    for code, item in sorted(items.items()):
        use = mean(daily_use(ledger, code, today - window + 1, today))
        need = use * horizon + item.reorder_level - ledger.balance(code)
        if need > 0:
            wanted.append((code, round_up(need, 10)))
    return wanted


def round_up(number, step):
    """The smallest multiple of `step` that is not below `number`."""
    whole = int(number // step) * step
    if whole < number:
        whole += step
    return whole
