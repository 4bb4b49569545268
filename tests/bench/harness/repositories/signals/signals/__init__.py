"""Filters over lists of numbers."""

from signals.filters import moving_mean, moving_median, peaks
from signals.series import Series

__all__ = ["Series", "moving_mean", "moving_median", "peaks"]
