"""Markets for the simulation of orders: a pool of price paths, made once a process and shared by all sessions.

A frame a second brings all papers: packed rows for the order manager, quotes for the broker's venue. Paths trend, jump, thin out, and now
and then lose a side of the book (a stock locked at its band).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.core.types import TICK, Instrument, TickFlag, TickKind
from pipeline.engine.matching import Quote

PAPERS = tuple(
    Instrument(sid, f"S{sid:02d}", f"NSE_EQ|SIM{sid:09d}", f"Simulated {sid}", 5, 1, 100_000, is_cas_eligible=sid % 2 == 0)
    for sid in range(12)
)
SYMBOLS = tuple(paper.symbol for paper in PAPERS)
FRAME_MS = 1_000
FRAMES = 205
POOL = 24
START_PAISE = 100_00
TICK_PAISE = 5


@dataclass(frozen=True, slots=True)
class Market:
    """``rows[i]`` is what frame i brings to us, ``quotes[i]`` the same for the venue."""

    rows: tuple[np.ndarray, ...]
    quotes: tuple[dict[str, Quote], ...]


@lru_cache(maxsize=POOL)
def market(number: int) -> Market:
    """Make one of the pool's markets."""
    rng = random.Random(f"market {number}")
    columns = [_path(rng) for _ in PAPERS]
    rows, quotes = [], []
    for at in range(FRAMES):
        made = np.zeros(len(PAPERS), TICK)
        made["kind"], made["flags"] = TickKind.LIVE, TickFlag.HAS_DEPTH
        shown = {}
        for sid, path in enumerate(columns):
            bid, bid_qty, ask, ask_qty, ltp = path[at]
            made["sid"][sid], made["ltp"][sid] = sid, ltp / 100
            made["bid_px"][sid, 0], made["bid_qty"][sid, 0] = bid / 100, bid_qty
            made["ask_px"][sid, 0], made["ask_qty"][sid, 0] = ask / 100, ask_qty
            shown[SYMBOLS[sid]] = Quote(at, bid, bid_qty, ask, ask_qty, ltp)
        rows.append(made)
        quotes.append(shown)
    return Market(tuple(rows), tuple(quotes))


def _path(rng: random.Random) -> list[tuple[int, int, int, int, int]]:
    out, price, drift, locked = [], START_PAISE, rng.choice((-2, -1, 0, 0, 1, 2)), 0
    for at in range(FRAMES):
        if at > 5:
            price += TICK_PAISE * round(rng.gauss(drift / 4, 2.2) + (rng.choice((-20, 20)) if rng.random() < 0.01 else 0))
        price = max(50_00, price)
        locked = locked - 1 if locked > 0 else 6 if at > 20 and rng.random() < 0.003 else 0
        bid, ask = price - TICK_PAISE, price + TICK_PAISE
        sizes = (rng.choice((20, 150, 600, 2_000)), rng.choice((20, 150, 600, 2_000)))
        if locked > 0:
            side = locked % 2
            bid, ask, sizes = (0, ask, (0, sizes[1])) if side else (bid, 0, (sizes[0], 0))
        out.append((bid, sizes[0], ask, sizes[1], price))
    return out
