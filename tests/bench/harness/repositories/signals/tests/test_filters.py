import unittest

from signals import moving_mean, moving_median, peaks


class FilterTest(unittest.TestCase):
    def test_mean_uses_fewer_values_at_the_beginning(self):
        self.assertEqual(moving_mean([2, 4, 6, 8], 2), [2, 3, 5, 7])

    def test_a_window_of_one_changes_nothing(self):
        self.assertEqual(moving_mean([3, 1, 2], 1), [3, 1, 2])
        self.assertEqual(moving_median([3, 1, 2], 1), [3, 1, 2])

    def test_median_of_even_and_odd_windows(self):
        self.assertEqual(moving_median([5, 1, 3, 9], 3), [5, 3, 3, 3])

    def test_peaks_are_above_both_neighbours_and_the_floor(self):
        self.assertEqual(peaks([0, 2, 1, 5, 1, 3, 3]), [1, 3])
        self.assertEqual(peaks([0, 2, 1, 5, 1], floor=2), [3])

    def test_a_window_must_hold_a_value(self):
        with self.assertRaises(ValueError):
            moving_mean([1], 0)
