import unittest

from stock import Ledger, Movement


class LedgerTest(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger()
        for day, code, pieces in ((1, "BX-100", 40), (2, "BX-100", -10), (2, "RP-200", 5), (4, "BX-100", -6), (4, "BX-100", 1)):
            self.ledger.record(Movement(day, code, pieces))

    def test_balance(self):
        self.assertEqual(self.ledger.balance("BX-100"), 25)
        self.assertEqual(self.ledger.balance("XX-999"), 0)

    def test_record_returns_the_balance(self):
        self.assertEqual(self.ledger.record(Movement(5, "RP-200", 2)), 7)

    def test_balance_on(self):
        self.assertEqual(self.ledger.balance_on("BX-100", 2), 30)
        self.assertEqual(self.ledger.balance_on("BX-100", 3), 30)
        self.assertEqual(self.ledger.balance_on("RP-200", 1), 0)

    def test_outgoing(self):
        self.assertEqual(self.ledger.outgoing("BX-100", 1, 4), 16)
        self.assertEqual(self.ledger.outgoing("BX-100", 3, 4), 6)

    def test_between(self):
        self.assertEqual(len(self.ledger.between(2, 4)), 4)
        self.assertEqual(len(self.ledger.between(1, 1)), 1)

    def test_history(self):
        self.assertEqual(self.ledger.history("BX-100"), [(1, 40), (2, 30), (4, 25)])

    def test_refuses(self):
        with self.assertRaises(ValueError):
            self.ledger.record(Movement(5, "RP-200", -6))
        with self.assertRaises(ValueError):
            self.ledger.record(Movement(3, "RP-200", 1))
        with self.assertRaises(ValueError):
            Movement(1, "BX-100", 0)
