"""Movements of stock, in the order in which they happened."""

from collections import defaultdict


class Movement:
    """So many pieces of an item came in (positive) or went out (negative) on a day."""

    def __init__(self, day, code, pieces, note=""):
        if pieces == 0:
            raise ValueError("a movement moves something")
        self.day = day
        self.code = code
        self.pieces = pieces
        self.note = note

    @property
    def is_incoming(self):
        return self.pieces > 0


class Ledger:
    """An append-only list of movements."""

    def __init__(self):
        self.movements = []
        self.balances = defaultdict(int)

    def record(self, movement):
        """Appends a movement; refuses one that would make a balance negative."""
        balance = self.balances[movement.code] + movement.pieces
        if balance < 0:
            raise ValueError(f"only {self.balances[movement.code]} of {movement.code} in stock")
        if self.movements and movement.day < self.movements[-1].day:
            raise ValueError("movements are recorded in order")
        self.movements.append(movement)
        self.balances[movement.code] = balance
        return balance

    def balance(self, code):
        return self.balances.get(code, 0)

    def balance_on(self, code, day):
        """The balance at the end of a day."""
        total = 0
        for movement in self.movements:
            if movement.day > day:
                break
            if movement.code == code:
                total += movement.pieces
        return total

    def between(self, first, last):
        """Movements from the first day to the last, both included."""
        return [m for m in self.movements if first <= m.day <= last]

    def outgoing(self, code, first, last):
        """Pieces that went out in a range of days."""
        total = 0
        for movement in self.between(first, last):
            if movement.code == code and not movement.is_incoming:
                total -= movement.pieces
        return total

    def history(self, code):
        """[(day, balance)] after each day on which the item moved."""
        result = []
        balance = 0
        for movement in self.movements:
            if movement.code != code:
                continue
            balance += movement.pieces
            if result and result[-1][0] == movement.day:
                result[-1] = (movement.day, balance)
            else:
                result.append((movement.day, balance))
        return result
