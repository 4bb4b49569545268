"""Values with their times."""

from signals.filters import moving_mean, peaks


class Series:
    def __init__(self, times, values):
        if len(times) != len(values):
            raise ValueError(f"{len(times)} times, {len(values)} values")
        self.times = list(times)
        self.values = list(values)

    def smooth(self, width):
        return Series(self.times, moving_mean(self.values, width))

    def between(self, first, last):
        kept = [(t, v) for t, v in zip(self.times, self.values) if first <= t <= last]
        return Series([t for t, _ in kept], [v for _, v in kept])

    def peak_times(self, floor=0.0):
        return [self.times[i] for i in peaks(self.values, floor)]

    def rate(self):
        """Differences of the values, per unit of time."""
        steps = zip(self.times, self.times[1:], self.values, self.values[1:])
        return [(v1 - v0) / (t1 - t0) for t0, t1, v0, v1 in steps]
