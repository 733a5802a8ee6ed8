"""Patterns and their record over a running day, in which candles are told late, or again.

Reads   slots int64[n], rows CANDLE[n]; a slot is one symbol and timeframe
Writes  int8[n, patterns], see ``patterns/scan.py``; of a candle that is told late or again what is found in its place
State   scan and tally (``patterns/scan.py``, ``patterns/reliability.py``), both as they were when the day began, the day's candles since

A candle of the day (from ``since`` on) that comes late, or again, takes its place among the day's; its slot is scanned and tallied again
from where the day began. So no candle, hit or outcome counts twice, and scan and tally are, bit for bit, those of one who had the right
candles from the start. What is saved is where the day began and its candles: whoever loads it steps through them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.daybook import Daybook
from pipeline.core.errors import Corrupt
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CANDLE
from pipeline.patterns.reliability import Tally
from pipeline.patterns.scan import Scan

PRICES = ("open", "high", "low", "close")

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Rescan:
    """What was found on the day's candles of slots that were scanned again: slot by slot, in order of time."""

    keys: Ints
    slots: Ints
    ts: Ints
    found: NDArray[np.int8]
    touched: Ints
    """The slots, each once and in order."""
    were_hit: NDArray[np.bool_]
    """[touched, claims]: what had a hit in the record before."""


class Day:
    """Scan and tally of ``slots`` pairs of symbol and timeframe; candles that start at ``since`` (epoch ms) or later are the day's."""

    __slots__ = ("_book", "_first", "_is_kept", "again", "scan", "taken", "tally")

    def __init__(self, slots: int, since: int) -> None:
        self.scan, self.tally = Scan(slots), Tally(slots)
        self._first = (Scan(slots), Tally(slots))
        self._is_kept = np.zeros(slots, np.bool_)
        self._book = Daybook(since, len(PRICES), slots)
        self.again: Rescan | None = None
        """What the last wave changed of candles before."""
        self.taken = np.zeros(0, np.bool_)
        """Which rows of the last wave were stepped, each for the first time and as the newest of its slot."""

    def step(self, slots: Ints, rows: NDArray[np.void]) -> NDArray[np.int8]:
        """Look at a wave; rows of one slot must stand in order of time."""
        is_of_day = rows["ts"] >= self._book.since
        if is_of_day.all() or not is_of_day.any():
            return self._step(slots, rows, is_of_day=bool(is_of_day.any()))
        found, taken = np.empty((len(rows), len(self.scan.patterns)), np.int8), np.empty(len(rows), np.bool_)
        for is_mine, of_day in ((~is_of_day, False), (is_of_day, True)):
            found[is_mine] = self._step(slots[is_mine], rows[is_mine], is_of_day=of_day)
            taken[is_mine] = self.taken
        self.taken = taken
        return found

    def _step(self, slots: Ints, rows: NDArray[np.void], *, is_of_day: bool) -> NDArray[np.int8]:
        self.again = None
        if not is_of_day:
            return self._scanned(slots, rows)
        fresh = slots[~self._is_kept[slots]]
        self._copy(to_first=True, slots=fresh)
        found = self._scanned(slots, rows)
        mine = slots[self.taken]
        self._is_kept[mine] = True
        prices = np.stack([rows[name] for name in PRICES], axis=1)
        self._book.enter(mine, rows["ts"][self.taken], prices[self.taken])
        is_late = ~self.taken & np.isfinite(prices).all(axis=1)
        if is_late.any():
            self.scan.refused -= int(is_late.sum())
            self._book.amend(slots[is_late], rows["ts"][is_late], prices[is_late])
            again = self.again = self._scanned_again(np.unique(slots[is_late]))
            keys = self._book.keys_of(slots, rows["ts"])
            spots = np.minimum(np.searchsorted(again.keys, keys), len(again.keys) - 1)
            at = np.flatnonzero((again.keys[spots] == keys) & (self.taken | is_late))
            found[at] = again.found[spots[at]]
        return found

    def _scanned(self, slots: Ints, rows: NDArray[np.void]) -> NDArray[np.int8]:
        found = self.scan.step(slots, rows)
        self.taken = self.scan.taken
        self.tally.step(slots, rows["close"], found, self.taken)
        return found

    def _scanned_again(self, slots: Ints) -> Rescan:
        """Scan and tally slots again from where their day began."""
        were_hit = self.tally.hits[slots] > 0
        self._copy(to_first=False, slots=slots)
        keys, prices = self._book.of(slots)
        owners, ts = self._book.split(keys)
        rows = np.zeros(len(keys), CANDLE)
        rows["ts"] = ts
        for column, name in enumerate(PRICES):
            rows[name] = prices[:, column]
        found = self.scan.step(owners, rows)
        self.tally.step(owners, rows["close"], found, self.scan.taken)
        return Rescan(keys, owners, ts, found, slots, were_hit)

    def _copy(self, *, to_first: bool, slots: NDArray[np.generic]) -> None:
        """Copy slots to where they were when the day began, or from there."""
        if len(slots) == 0:
            return
        scan, tally = self._first
        pairs = zip((*self.scan.arrays(), *self.tally.arrays()), (*scan.arrays(), *tally.arrays()), strict=True)
        for mine, theirs in pairs:
            target, source = (theirs, mine) if to_first else (mine, theirs)
            target[slots] = source[slots]

    def dump(self) -> bytes:
        """Save where the day began and its candles since; a slot without any is as it was then."""
        self._copy(to_first=True, slots=np.flatnonzero(~self._is_kept))
        scan, tally = self._first
        scan.refused = self.scan.refused
        parts = {name: np.frombuffer(part.dump(), np.uint8) for name, part in (("scan", scan), ("tally", tally))}
        return pack({"since": self._book.since}, {**parts, **self._book.dump()})

    def load(self, blob: bytes) -> None:
        """Take up a saved state; one of other patterns or of another day is Corrupt."""
        plain, arrays = unpack(blob)
        if plain.get("since") != self._book.since:
            raise Corrupt("the saved charts are not of this day or program: clear the session with `ticktick clear`")
        self.scan.load(arrays["scan"].tobytes())
        self.tally.load(arrays["tally"].tobytes())
        self._book.load(arrays)
        slots = self._book.slots()
        self._is_kept[:] = False
        self._is_kept[slots] = True
        self._copy(to_first=True, slots=slots)
        self._scanned_again(slots)
