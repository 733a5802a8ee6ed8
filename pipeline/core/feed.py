"""The vocabulary of the feed session: what happened to it, the deep book, and changes of what is followed.

The records that come of a session (ticks, gaps, states) are a function of its events alone: that is what makes a
recorded day replay to the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEEP_LEVELS = 30
DEPTH = np.dtype(
    [
        ("sid", "<u4"),
        ("levels", "<u4"),
        ("ts_exch", "<i8"),
        ("bid_px", "<f8", (DEEP_LEVELS,)),
        ("bid_qty", "<i8", (DEEP_LEVELS,)),
        ("ask_px", "<f8", (DEEP_LEVELS,)),
        ("ask_qty", "<i8", (DEEP_LEVELS,)),
    ]
)
"""The whole book of one paper in mode ``full_d30``: ``levels`` of them came, best first; the rest is zero."""


@dataclass(frozen=True, slots=True, eq=False)
class DepthBatch:
    """The deep books (more than five levels) of one feed frame. ``rows`` is ``DEPTH[n]``."""

    ts: int
    rows: NDArray[np.void]


class FeedEventKind(IntEnum):
    """What a feed session is made of. The records that come of it are a function of these alone."""

    STARTED = 0
    """A process began: ``body`` is the event time it goes on from, as decimal text; with a repair, also how long (ms) candles may wait."""
    CONNECTED = 1
    """Connection ``link`` is open and subscribed; ``body`` is JSON: the instrument keys of each mode."""
    FRAME = 2
    """One frame, as received."""
    FOLDED = 3
    """Frames of ``link`` that came faster than they could be handled, newest row of each symbol: see broker/backlog.py."""
    REPAIR = 4
    """``TICK[n]`` rows of kind REPAIR, from the candle API."""
    LOST = 5
    """Connection ``link`` is gone; ``body`` is its close code (1006 when there was none) and why, as text."""
    SUBSCRIBED = 6
    """What connection ``link`` is to carry from now on, open or not; ``body`` as of CONNECTED."""
    STALLED = 7
    """The broker's quotes moved without us; ``body`` is JSON: instrument key -> event time of its last row."""


@dataclass(frozen=True, slots=True, eq=False)
class FeedEvent:
    """One thing that happened to the feed. ``ts`` is the event time reached before it, ``recv_ms`` our wall clock."""

    ts: int
    recv_ms: int
    link: int
    kind: FeedEventKind
    body: bytes


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    """A wish to follow a symbol, to leave it, or to follow it in another mode. ``action`` is ``add`` or ``remove``."""

    ts: int
    symbol: str
    action: str
    mode: str
    """Feed mode, or empty for the default."""
    source: str
