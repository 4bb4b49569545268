import unittest

from stock import Item, Quantity


class QuantityTest(unittest.TestCase):
    def test_pieces(self):
        self.assertEqual(Quantity(3, "dozen").pieces, 36)
        self.assertEqual(Quantity(2, "pair"), Quantity(4))

    def test_sum(self):
        self.assertEqual((Quantity(1, "dozen") + Quantity(5)).pieces, 17)
        self.assertEqual(Quantity(5) + Quantity(1, "dozen"), Quantity(17))

    def test_parse(self):
        self.assertEqual(Quantity.parse("7").pieces, 7)
        self.assertEqual(Quantity.parse("12 pieces").pieces, 12)
        self.assertEqual(Quantity.parse("2 gross").pieces, 288)
        for text in ("", "1 2 3", "3 barrels"):
            with self.assertRaises(ValueError):
                Quantity.parse(text)

    def test_text(self):
        self.assertEqual(repr(Quantity(1, "pair")), "1 pair")
        self.assertEqual(repr(Quantity(3)), "3 pieces")

    def test_refuses(self):
        with self.assertRaises(ValueError):
            Quantity(-1)
        with self.assertRaises(ValueError):
            Quantity(1, "barrel")


class ItemTest(unittest.TestCase):
    def test_code(self):
        self.assertEqual(Item("BX-100", "box", 250).family, "BX")
        with self.assertRaises(ValueError):
            Item("box", "box", 250)

    def test_price(self):
        item = Item("BX-100", "box", 250)
        self.assertEqual(item.price_of(3), 750)
        self.assertEqual(item.price_of(3, 10), 675)
        self.assertEqual(Item("BX-101", "nail", 5).price_of(1, 10), 4)
