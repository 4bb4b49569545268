import unittest

from stock import Item, Quantity, Warehouse
from stock.warehouse import Shelf, parse_delivery


def small_warehouse():
    warehouse = Warehouse([Shelf("A", 30), Shelf("B", 50)])
    warehouse.add_item(Item("BX-100", "box", 250, reorder_level=10))
    warehouse.add_item(Item("RP-200", "rope", 990, reorder_level=5))
    return warehouse


class ShelfTest(unittest.TestCase):
    def test_put(self):
        shelf = Shelf("A", 10)
        self.assertEqual(shelf.put("BX-100", 7), 0)
        self.assertEqual(shelf.put("BX-100", 7), 4)
        self.assertEqual(shelf.free, 0)

    def test_take(self):
        shelf = Shelf("A", 10)
        shelf.put("BX-100", 7)
        self.assertEqual(shelf.take("BX-100", 3), 3)
        self.assertEqual(shelf.take("BX-100", 9), 4)
        self.assertEqual(shelf.take("BX-100", 1), 0)
        self.assertEqual(shelf.content, {})


class WarehouseTest(unittest.TestCase):
    def setUp(self):
        self.warehouse = small_warehouse()
        self.warehouse.receive(1, "BX-100", Quantity(3, "dozen"))
        self.warehouse.receive(1, "RP-200", Quantity(8))

    def test_receive_fills_shelves_in_order(self):
        self.assertEqual(self.warehouse.locate("BX-100"), [("A", 30), ("B", 6)])
        self.assertEqual(self.warehouse.locate("RP-200"), [("B", 8)])
        with self.assertRaises(ValueError):
            self.warehouse.receive(2, "BX-100", Quantity(37))
        self.warehouse.receive(2, "BX-100", Quantity(36))
        self.assertEqual(self.warehouse.free, 0)

    def test_ship_empties_the_last_shelf_first(self):
        self.warehouse.ship(2, "BX-100", Quantity(10))
        self.assertEqual(self.warehouse.locate("BX-100"), [("A", 26)])
        self.assertEqual(self.warehouse.ledger.balance("BX-100"), 26)
        with self.assertRaises(ValueError):
            self.warehouse.ship(2, "BX-100", Quantity(27))

    def test_known_items(self):
        with self.assertRaises(ValueError):
            self.warehouse.add_item(Item("BX-100", "box", 1))
        with self.assertRaises(KeyError):
            self.warehouse.receive(1, "ZZ-999", Quantity(1))

    def test_reorder(self):
        self.assertEqual(self.warehouse.to_reorder(), [])
        self.warehouse.ship(2, "BX-100", Quantity(26))
        self.warehouse.ship(2, "RP-200", Quantity(5))
        self.assertEqual([i.code for i in self.warehouse.to_reorder()], ["RP-200", "BX-100"])

    def test_value(self):
        self.assertEqual(self.warehouse.value(), 36 * 250 + 8 * 990)

    def test_move(self):
        self.assertEqual(self.warehouse.move("BX-100", "A", "B", Quantity(12)), 12)
        self.assertEqual(self.warehouse.locate("BX-100"), [("A", 18), ("B", 18)])
        self.assertEqual(self.warehouse.move("BX-100", "B", "A", Quantity(40)), 12)


class DeliveryTest(unittest.TestCase):
    def test_parse(self):
        text = "# Monday\nBX-100: 2 dozen\n\nRP-200: 4  # the thick one\n"
        self.assertEqual(parse_delivery(text), [("BX-100", Quantity(24)), ("RP-200", Quantity(4))])
        with self.assertRaises(ValueError):
            parse_delivery("BX-100 2 dozen")
