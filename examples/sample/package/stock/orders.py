"""Orders of customers, and which of them can be served."""


class Order:
    """What a customer wants: item codes with pieces."""

    def __init__(self, number, customer, lines, day, priority=0):
        self.number = number
        self.customer = customer
        self.lines = dict(lines)
        self.day = day
        self.priority = priority
        self.is_served = False

    def total(self, items, discount=0):
        """Price in cents."""
        return sum(items[code].price_of(pieces, discount) for code, pieces in self.lines.items())


class OrderBook:
    """Open and served orders."""

    def __init__(self, warehouse):
        self.warehouse = warehouse
        self.orders = []
        self.discounts = []

    def add_discount(self, threshold, percent):
        """From this number of pieces on, an order gets so many percent."""
        self.discounts.append((threshold, percent))
        self.discounts.sort()

    def discount_for(self, order):
        pieces = sum(order.lines.values())
        best = 0
        for threshold, percent in self.discounts:
            if pieces >= threshold:
                best = max(best, percent)
        return best

    def add(self, order):
        for code in order.lines:
            if code not in self.warehouse.items:
                raise KeyError(code)
        self.orders.append(order)

    def open_orders(self):
        """Unserved orders: high priority first, then the oldest."""
        waiting = [o for o in self.orders if not o.is_served]
        return sorted(waiting, key=lambda o: (-o.priority, o.day, o.number))

    def can_serve(self, order):
        return all(self.warehouse.ledger.balance(c) >= n for c, n in order.lines.items())

    def reserved(self, code):
        """Pieces that open orders want of an item."""
        return sum(o.lines.get(code, 0) for o in self.orders if not o.is_served)

    def available(self, code):
        """Pieces in stock that no open order wants."""
        return max(0, self.warehouse.ledger.balance(code) - self.reserved(code))

    def serve(self, day, make_quantity):
        """Ships every open order that can be served; returns their numbers."""
        served = []
        for order in self.open_orders():
            if not self.can_serve(order):
                continue
            for code, pieces in order.lines.items():
                self.warehouse.ship(day, code, make_quantity(pieces))
            order.is_served = True
            served.append(order.number)
        return served

    def invoice(self, order):
        """Text of an invoice."""
        items = self.warehouse.items
        discount = self.discount_for(order)
        rows = [f"Order {order.number} for {order.customer}"]
        for code, pieces in sorted(order.lines.items()):
            price = items[code].price_of(pieces, discount)
            rows.append(f"{items[code].name:<12}{pieces:>6}{price / 100:>10.2f}")
        if discount:
            rows.append(f"discount {discount} %")
        rows.append(f"total {order.total(items, discount) / 100:.2f}")
        return "\n".join(rows)
