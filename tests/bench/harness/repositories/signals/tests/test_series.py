import unittest

from signals import Series


class SeriesTest(unittest.TestCase):
    def setUp(self):
        self.series = Series([0, 1, 2, 4], [1.0, 3.0, 2.0, 6.0])

    def test_between_includes_both_ends(self):
        self.assertEqual(self.series.between(1, 2).values, [3.0, 2.0])

    def test_rate_is_per_unit_of_time(self):
        self.assertEqual(self.series.rate(), [2.0, -1.0, 2.0])

    def test_peak_times(self):
        self.assertEqual(self.series.peak_times(), [1])

    def test_smooth_keeps_the_times(self):
        self.assertEqual(self.series.smooth(2).times, [0, 1, 2, 4])

    def test_lengths_must_agree(self):
        with self.assertRaises(ValueError):
            Series([0], [])
