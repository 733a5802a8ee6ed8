"""A candle as a packed row: its layout, its flags, and where it comes from. Part of the vocabulary; ``core/types.py`` hands it on."""

from __future__ import annotations

from enum import IntFlag

import numpy as np


class CandleFlag(IntFlag):
    GAP = 1
    """The feed was blind for a part of this candle."""
    REVISED = 2
    HISTORY = 4
    PARTIAL = 8
    """First candle after a start in mid-session, or cut by the end of the session."""
    AFTER_GAP = 16
    """Minutes straight before its first trade are lost: the feed was blind in them, and they have no row (yet)."""


class Lineage(IntFlag):
    """Where a candle comes from; a longer candle has the bits of all its minutes. Zero: whoever wrote it did not say."""

    TICKS = 1
    """Built here, from prints."""
    FEED_I1 = 2
    """The feed's own finished minute. Compared with ours, never put in its place."""
    INTRADAY = 4
    """The broker's candle API, of the running day: repairs, and the part of the day before our start."""
    HISTORICAL = 8
    """The broker's candle API, of the days before."""
    ARCHIVE = 16
    """A file: imported, or kept from an earlier day."""

    @property
    def words(self) -> str:
        """Name it for a person: ``ticks``, ``ticks+intraday``."""
        return "+".join(str(part.name).lower() for part in self) or "unknown"


CANDLE = np.dtype(
    [
        ("sid", "<u4"),
        ("timeframe", "<u2"),
        ("flags", "<u2"),
        ("ts", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<i8"),
        ("oi", "<f8"),
        ("trades", "<u4"),
        ("minutes", "u1"),
        ("lineage", "u1"),
        ("quiet", "<u2"),
    ]
)
"""A closed candle over [ts, ts + timeframe minutes), stamped by its start. Rupees and shares.

A minute without a trade has no row and is in no price. ``minutes`` counts those of the candle in which something traded. ``quiet``
counts the minutes without a trade straight before its first one with a trade, back to the last trade or the start of the stretch of
trading, as it was known when the candle was told (as far as minutes are kept: two hours at least). A minute in which the feed was
blind is not quiet but lost: flag GAP of the candle it lies in, AFTER_GAP of the next that traded. ``lineage`` holds bits of
``Lineage``. ``trades`` counts updates with a trade. Where the source does not say, they are 0: ``trades`` of anything that was not
built from prints, ``minutes`` of longer candles as the broker gives them and of its minutes without volume (an index has none, a
stock did not trade).
"""
