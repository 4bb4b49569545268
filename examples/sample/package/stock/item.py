"""Items and quantities."""

import re

UNITS = {"piece": 1, "pair": 2, "dozen": 12, "gross": 144}
CODE = re.compile(r"^[A-Z]{2,4}-[0-9]{3,6}$")


class Quantity:
    """A whole number of pieces, written in some unit."""

    def __init__(self, amount, unit="piece"):
        if unit not in UNITS:
            raise ValueError(f"unknown unit: {unit}")
        if amount < 0:
            raise ValueError("a quantity is not negative")
        self.amount = amount
        self.unit = unit

    @property
    def pieces(self):
        return self.amount * UNITS[self.unit]

    def __add__(self, other):
        return Quantity(self.pieces + other.pieces)

    def __eq__(self, other):
        return isinstance(other, Quantity) and self.pieces == other.pieces

    def __repr__(self):
        plural = "" if self.amount == 1 else "s"
        return f"{self.amount} {self.unit}{plural}"

    @classmethod
    def parse(cls, text):
        """Reads "3 dozen", "12 pieces" or "7"."""
        parts = text.split()
        if not parts or len(parts) > 2:
            raise ValueError(f"not a quantity: {text!r}")
        amount = int(parts[0])
        if len(parts) == 1:
            return cls(amount)
        unit = parts[1]
        if unit not in UNITS and unit.endswith("s"):
            unit = unit[:-1]
        return cls(amount, unit)


class Item:
    """Something that is kept in the warehouse."""

    def __init__(self, code, name, price, reorder_level=0):
        if not CODE.match(code):
            raise ValueError(f"not an item code: {code}")
        self.code = code
        self.name = name
        self.price = price
        self.reorder_level = reorder_level

    @property
    def family(self):
        return self.code.split("-")[0]

    def price_of(self, pieces, discount=0):
        """Price in cents of so many pieces; `discount` in percent, rounded to the customer's favour."""
        total = self.price * pieces
        return total - -(-total * discount // 100)

    def __repr__(self):
        return f"Item({self.code}, {self.name})"
