"""The warehouse: items, where they lie, and what moves."""

from .item import Quantity
from .ledger import Ledger, Movement


class Shelf:
    """A place with room for so many pieces."""

    def __init__(self, name, capacity):
        self.name = name
        self.capacity = capacity
        self.content = {}

    @property
    def used(self):
        return sum(self.content.values())

    @property
    def free(self):
        return self.capacity - self.used

    def put(self, code, pieces):
        """Puts as many as fit; returns how many did not."""
        fitting = min(pieces, self.free)
        if fitting > 0:
            self.content[code] = self.content.get(code, 0) + fitting
        return pieces - fitting

    def take(self, code, pieces):
        """Takes at most so many; returns how many were taken."""
        taken = min(pieces, self.content.get(code, 0))
        if taken == 0:
            return 0
        self.content[code] -= taken
        if self.content[code] == 0:
            del self.content[code]
        return taken


class Warehouse:
    """Items on shelves, with a ledger of all movements."""

    def __init__(self, shelves):
        self.shelves = list(shelves)
        self.items = {}
        self.ledger = Ledger()

    def add_item(self, item):
        if item.code in self.items:
            raise ValueError(f"{item.code} is known already")
        self.items[item.code] = item

    def receive(self, day, code, quantity):
        """Puts a delivery on the shelves, in order; refuses one that does not fit as a whole."""
        item = self.items[code]
        pieces = quantity.pieces
        if pieces > self.free:
            raise ValueError(f"no room for {quantity} of {item.name}")
        for shelf in self.shelves:
            pieces = shelf.put(code, pieces)
            if pieces == 0:
                break
        self.ledger.record(Movement(day, code, quantity.pieces, "delivery"))

    def ship(self, day, code, quantity):
        """Takes pieces from the shelves, the last shelf first."""
        self.ledger.record(Movement(day, code, -quantity.pieces, "shipment"))
        missing = quantity.pieces
        for shelf in reversed(self.shelves):
            missing -= shelf.take(code, missing)
            if missing == 0:
                return

    @property
    def free(self):
        return sum(shelf.free for shelf in self.shelves)

    def locate(self, code):
        """[(shelf, pieces)] where an item lies."""
        return [(s.name, s.content[code]) for s in self.shelves if code in s.content]

    def to_reorder(self):
        """Items at or below their reorder level, the scarcest first."""
        low = [i for i in self.items.values() if self.ledger.balance(i.code) <= i.reorder_level]
        return sorted(low, key=lambda i: (self.ledger.balance(i.code), i.code))

    def value(self):
        """Price of all that is in stock, in cents."""
        total = 0
        for code, item in self.items.items():
            total += item.price * self.ledger.balance(code)
        return total

    def move(self, code, source, target, quantity):
        """Moves pieces between two shelves; returns how many were moved."""
        shelves = {shelf.name: shelf for shelf in self.shelves}
        wanted = min(quantity.pieces, shelves[target].free)
        taken = shelves[source].take(code, wanted)
        shelves[target].put(code, taken)
        return taken


def parse_delivery(text):
    """Reads lines "CODE: QUANTITY"; blank lines and comments (#) are skipped."""
    delivery = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        code, separator, amount = line.partition(":")
        if not separator:
            raise ValueError(f"expected CODE: QUANTITY, got {line!r}")
        delivery.append((code.strip(), Quantity.parse(amount)))
    return delivery
