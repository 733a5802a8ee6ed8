"""Versions of the same minutes, side by side: built from ticks, the feed's own (I1), the broker's candles.

Reads   tick rows (``i1_*`` of live rows, REPAIR rows) and one-minute CANDLE rows, of one day
Gives   CANDLE rows by lineage, and how two versions of a symbol agree: counts, and the largest differences
Never decides which is right, and changes none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.core.candle import CANDLE, Lineage
from pipeline.core.types import TickFlag, TickKind
from pipeline.market.candle_kernel import VOLUME_TOLERANCE

WORST = 10
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How our candles of one symbol agree with another version: numbers of candles."""

    sid: int
    other: Lineage
    both: int
    only_ours: int
    only_theirs: int
    equal: tuple[int, int, int, int]
    """By price: open, high, low, close."""
    volume: int
    """Volumes within ``VOLUME_TOLERANCE``."""
    within: int
    """All four prices within the tolerance, and the volume."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The price of one candle that is furthest apart. ``bps`` is of their price."""

    bps: float
    sid: int
    ts: int
    other: Lineage
    price: str
    ours: float
    theirs: float


class Versions:
    """Collects one-minute candles by lineage; the newest telling of a minute is the one that stays."""

    def __init__(self) -> None:
        self._parts: dict[Lineage, list[NDArray[np.void]]] = defaultdict(list)
        self._seen = np.zeros(0, np.int64)
        """Newest I1 taken, by sid: it stands in every update of its minute, and is one value."""

    def take_ticks(self, rows: NDArray[np.void]) -> None:
        """Take the feed's finished minutes, and the minutes that were fetched to repair gaps."""
        repairs = rows[rows["kind"] == TickKind.REPAIR]
        if len(repairs) > 0:
            self._parts[Lineage.INTRADAY].append(_minutes_of(repairs, Lineage.INTRADAY))
        told = rows[(rows["flags"] & int(TickFlag.HAS_MINUTE) != 0) & (rows["kind"] < TickKind.GAP)]
        beyond = int(told["sid"].max()) + 1 - len(self._seen) if len(told) > 0 else 0
        self._seen = np.concatenate((self._seen, np.zeros(max(beyond, 0), np.int64)))
        fresh = told[told["i1_ts"] > self._seen[told["sid"]]]
        if len(fresh) > 0:
            self._seen[fresh["sid"]] = fresh["i1_ts"]
            self._parts[Lineage.FEED_I1].append(_minutes_of(fresh, Lineage.FEED_I1))

    def take_candles(self, rows: NDArray[np.void]) -> None:
        """Take the one-minute rows of a wave, of the history or of an answer."""
        minutes = rows[rows["timeframe"] == 1]
        for lineage in Lineage:
            mine = minutes[minutes["lineage"] == int(lineage)]
            if len(mine) > 0:
                self._parts[lineage].append(mine)

    @property
    def lineages(self) -> tuple[Lineage, ...]:
        """What there is, in the order of ``Lineage``."""
        return tuple(lineage for lineage in Lineage if self._parts.get(lineage))

    def rows(self, lineage: Lineage) -> NDArray[np.void]:
        """Give the minutes of one lineage by (sid, ts)."""
        parts = self._parts.get(lineage)
        if not parts:
            return np.zeros(0, CANDLE)
        rows = np.concatenate(parts)
        order = np.lexsort((rows["ts"], rows["sid"]))  # stable: of equal keys the newest telling is the last
        sid, ts = rows["sid"][order], rows["ts"][order]
        is_last = np.append((sid[1:] != sid[:-1]) | (ts[1:] != ts[:-1]), True)
        return rows[order[is_last]]


def _minutes_of(rows: NDArray[np.void], lineage: Lineage) -> NDArray[np.void]:
    out = np.zeros(len(rows), CANDLE)
    out["sid"], out["timeframe"], out["ts"], out["lineage"] = rows["sid"], 1, rows["i1_ts"], int(lineage)
    for price in PRICES:
        out[price] = rows[f"i1_{price}"]
    out["volume"], out["minutes"] = rows["i1_vol"], rows["i1_vol"] > 0
    out["oi"] = rows["oi"] if lineage is Lineage.INTRADAY else 0.0
    return out


def compare(
    ours: NDArray[np.void], theirs: NDArray[np.void], other: Lineage, tolerance_bps: float
) -> Iterator[tuple[Agreement, list[Difference]]]:
    """Compare symbol by symbol; give counts, and the ``WORST`` candles of each, those furthest apart first.

    Args:
        ours: CANDLE rows of one timeframe by (sid, ts), each once.
        theirs: the same, of another version.
        other: that version's lineage.
        tolerance_bps: up to which prices count as within, in hundredths of a percent.
    """
    sids = np.union1d(ours["sid"], theirs["sid"])
    mine, yours = _cut(ours, sids), _cut(theirs, sids)
    for sid, a, b in zip(sids.tolist(), mine, yours, strict=True):
        yield _compared(a, b, Agreement(sid, other, 0, len(a), len(b), (0, 0, 0, 0), 0, 0), tolerance_bps)


def _cut(rows: NDArray[np.void], sids: NDArray[np.uint32]) -> list[NDArray[np.void]]:
    """Cut rows into those of each symbol."""
    edges = np.searchsorted(np.ascontiguousarray(rows["sid"]), np.append(sids, np.iinfo(np.uint32).max))
    return [rows[first:end] for first, end in pairwise(edges.tolist())]


def _compared(a: NDArray[np.void], b: NDArray[np.void], none: Agreement, tolerance_bps: float) -> tuple[Agreement, list[Difference]]:
    """Compare the candles of one symbol; ``none`` is what is told when they have none in common."""
    both, at_a, at_b = np.intersect1d(a["ts"], b["ts"], assume_unique=True, return_indices=True)
    if len(both) == 0:
        return none, []
    a_both, b_both = a[at_a], b[at_b]
    mine = np.column_stack([a_both[price] for price in PRICES])
    yours = np.column_stack([b_both[price] for price in PRICES])
    bps = np.abs(mine - yours) / yours * 10_000
    is_near = np.abs(a_both["volume"] - b_both["volume"]) <= VOLUME_TOLERANCE * b_both["volume"]
    is_within = is_near & (bps <= tolerance_bps).all(axis=1)
    opens, highs, lows, closes = (mine == yours).sum(axis=0).tolist()
    found = replace(
        none,
        both=len(both),
        only_ours=len(a) - len(both),
        only_theirs=len(b) - len(both),
        equal=(opens, highs, lows, closes),
        volume=int(is_near.sum()),
        within=int(is_within.sum()),
    )
    furthest = bps.argmax(axis=1)
    apart = bps[np.arange(len(bps)), furthest]
    worst = [(i, int(furthest[i])) for i in np.argsort(-apart, kind="stable")[:WORST].tolist() if apart[i] > 0]
    return found, [
        Difference(float(bps[i, k]), none.sid, int(both[i]), none.other, PRICES[k], float(mine[i, k]), float(yours[i, k])) for i, k in worst
    ]
