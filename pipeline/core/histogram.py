"""Counts of durations, for percentiles without keeping the observations.

One int64 array of logarithmic buckets, 32 to the octave (a value is found again within 2.2 %), from 1/1024 to 2^31 of
whatever unit is added. Adding costs the same whatever was added before. Never forgets by itself: ``clear`` begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

STEPS = 32
LOWEST, HIGHEST = -10, 31
"""Octaves that are told apart; what lies outside counts in the first or the last bucket."""
FEW = 8
"""So many values are counted one by one: an array costs as much as thirty."""


class Histogram:
    """Durations by size."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = np.zeros((HIGHEST - LOWEST) * STEPS, np.int64)
        self.total = 0

    def add(self, value: float, times: int = 1) -> None:
        """Count a value; what is not positive counts as the smallest."""
        bucket = int((math.log2(value) - LOWEST) * STEPS) if value > 0.0 else 0
        self.counts[min(max(bucket, 0), len(self.counts) - 1)] += times
        self.total += times

    def add_all(self, values: Sequence[float]) -> None:
        """Count several values."""
        if len(values) <= FEW:
            for value in values:
                self.add(value)
            return
        logs = np.log2(np.maximum(np.asarray(values, np.float64), 2.0**LOWEST))
        buckets = np.clip(((logs - LOWEST) * STEPS).astype(np.int64), 0, len(self.counts) - 1)
        np.add.at(self.counts, buckets, 1)
        self.total += len(buckets)

    def quantile(self, part: float) -> float:
        """Give the value below or at which ``part`` (0..1) of the observations lie: the middle of its bucket; 0 of nothing."""
        return self.quantiles((part,))[0]

    def quantiles(self, parts: Sequence[float]) -> list[float]:
        """Give several at once."""
        if self.total == 0:
            return [0.0] * len(parts)
        ranks = [max(1, math.ceil(part * self.total)) for part in parts]
        buckets = np.searchsorted(np.cumsum(self.counts), ranks)
        return [float(2.0 ** (LOWEST + (bucket + 0.5) / STEPS)) for bucket in buckets.tolist()]

    def tail(self) -> list[float]:
        """Give p50, p99 and p99.9."""
        return self.quantiles((0.5, 0.99, 0.999))

    def add_counts(self, other: Histogram) -> None:
        """Count what another has counted."""
        self.counts += other.counts
        self.total += other.total

    def take(self, other: Histogram) -> None:
        """Count what another has counted, and leave it empty."""
        self.add_counts(other)
        other.clear()

    def clear(self) -> None:
        self.counts[:] = 0
        self.total = 0
