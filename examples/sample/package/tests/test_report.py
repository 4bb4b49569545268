import unittest

from stock import Item, Quantity
from stock.report import families, money, stock_report, table

from .test_warehouse import small_warehouse


class ReportTest(unittest.TestCase):
    def test_money(self):
        self.assertEqual(money(1234567), "12,345.67")
        self.assertEqual(money(-205), "(2.05)")
        self.assertEqual(money(0), "0.00")

    def test_table(self):
        text = table([("a", 10), ("long", 2)], ("name", "n"))
        self.assertEqual(text, "name  n\n----  --\na     10\nlong  2")

    def test_stock_report(self):
        warehouse = small_warehouse()
        warehouse.receive(1, "BX-100", Quantity(10))
        warehouse.receive(1, "RP-200", Quantity(6))
        lines = stock_report(warehouse).splitlines()
        self.assertEqual(lines[2].split(), ["BX-100", "box", "10", "25.00", "!"])
        self.assertEqual(lines[3].split(), ["RP-200", "rope", "6", "59.40"])

    def test_families(self):
        warehouse = small_warehouse()
        warehouse.receive(1, "BX-100", Quantity(3))
        warehouse.receive(1, "RP-200", Quantity(7))
        warehouse.add_item(Item("BX-101", "crate", 1900))
        warehouse.receive(2, "BX-101", Quantity(2))
        self.assertEqual(list(families(warehouse).items()), [("RP", 7), ("BX", 5)])
