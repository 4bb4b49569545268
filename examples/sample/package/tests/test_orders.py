import unittest

from stock import Order, OrderBook, Quantity

from .test_warehouse import small_warehouse


class OrderTest(unittest.TestCase):
    def setUp(self):
        self.warehouse = small_warehouse()
        self.warehouse.receive(1, "BX-100", Quantity(20))
        self.warehouse.receive(1, "RP-200", Quantity(10))
        self.book = OrderBook(self.warehouse)
        self.book.add_discount(20, 10)
        self.book.add_discount(10, 5)
        self.book.add(Order(1, "Ada", {"BX-100": 12}, day=2))
        self.book.add(Order(2, "Bob", {"BX-100": 15, "RP-200": 5}, day=1))
        self.book.add(Order(3, "Cy", {"RP-200": 3}, day=3, priority=1))

    def test_unknown_item(self):
        with self.assertRaises(KeyError):
            self.book.add(Order(4, "Dee", {"ZZ-999": 1}, day=1))

    def test_discount(self):
        self.assertEqual([self.book.discount_for(o) for o in self.book.orders], [5, 10, 0])
        self.assertEqual(self.book.discount_for(Order(5, "Eve", {"BX-100": 10}, day=1)), 5)

    def test_order_of_service(self):
        self.assertEqual([o.number for o in self.book.open_orders()], [3, 2, 1])

    def test_serve(self):
        self.assertEqual(self.book.serve(4, Quantity), [3, 2])
        self.assertEqual(self.warehouse.ledger.balance("BX-100"), 5)
        self.assertEqual(self.warehouse.ledger.balance("RP-200"), 2)
        self.assertEqual([o.number for o in self.book.open_orders()], [1])
        self.assertEqual(self.book.serve(5, Quantity), [])

    def test_can_serve(self):
        self.assertTrue(self.book.can_serve(Order(6, "Fay", {"BX-100": 20, "RP-200": 1}, day=1)))
        self.assertFalse(self.book.can_serve(Order(7, "Gus", {"BX-100": 1, "RP-200": 11}, day=1)))

    def test_available(self):
        self.assertEqual(self.book.reserved("BX-100"), 27)
        self.assertEqual(self.book.available("BX-100"), 0)
        self.assertEqual(self.book.available("RP-200"), 2)

    def test_total(self):
        items = self.warehouse.items
        self.assertEqual(self.book.orders[1].total(items), 15 * 250 + 5 * 990)

    def test_invoice(self):
        text = self.book.invoice(self.book.orders[1])
        self.assertEqual(text.splitlines()[0], "Order 2 for Bob")
        self.assertEqual(text.splitlines()[-2:], ["discount 10 %", "total 78.30"])
        self.assertIn("rope             5     44.55", text)
