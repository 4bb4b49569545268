import unittest

from stock import Item, Ledger, Movement
from stock.forecast import days_left, mean, moving_average, plan, round_up, trend


class FigureTest(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(mean([1, 2, 6]), 3)
        with self.assertRaises(ValueError):
            mean([])

    def test_moving_average(self):
        self.assertEqual(moving_average([2, 4, 6, 8], 2), [3, 5, 7])
        self.assertEqual(moving_average([2, 4], 3), [])
        with self.assertRaises(ValueError):
            moving_average([1], 0)

    def test_trend(self):
        self.assertAlmostEqual(trend([1, 3, 5, 7]), 2.0)
        self.assertAlmostEqual(trend([5, 5, 5]), 0.0)
        self.assertEqual(trend([4]), 0.0)

    def test_round_up(self):
        self.assertEqual([round_up(n, 10) for n in (1, 10, 10.5)], [10, 10, 20])


class PlanTest(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger()
        self.ledger.record(Movement(1, "BX-100", 100))
        self.ledger.record(Movement(1, "RP-200", 10))
        for day in range(2, 16):
            self.ledger.record(Movement(day, "BX-100", -5))
        self.items = {"BX-100": Item("BX-100", "box", 250, 10), "RP-200": Item("RP-200", "rope", 990, 5)}

    def test_days_left(self):
        self.assertEqual(days_left(self.ledger, "BX-100", 15), 6)
        self.assertIsNone(days_left(self.ledger, "RP-200", 15))
        self.assertEqual(days_left(self.ledger, "BX-100", 15, window=7), 6)

    def test_plan(self):
        self.assertEqual(plan(self.ledger, self.items, 15), [("BX-100", 130)])
        self.assertEqual(plan(self.ledger, self.items, 15, horizon=4), [])
