"""The call auctions of a generated day: pre-open with its opening print, closing auction with its close.

Reads   session windows, the symbol's terms and what its continuous trading came to
Writes  (ts, Update) pairs with indicative price, quantity and imbalance, then one print
Nothing trades between the indications; orders of the auction are at most 3 % from the reference price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.core.session import Phase, Window
from pipeline.simulator.listing import rng
from pipeline.simulator.market import Auction, Bar, Update
from pipeline.simulator.tickers import LEVELS, Opening, Terms

EVERY_MS = (1500, 3500)
REFERENCE_MS = 15 * 60_000
"""The reference price is the VWAP of the last 15 minutes of continuous trading."""


@dataclass(frozen=True, slots=True)
class Eve:
    """What a symbol had traded when the auction began."""

    ltp: float
    ltt: int
    ltq: int
    atp: float
    vtt: int
    day: Bar | None
    minute: Bar | None
    reference: float


def opening(terms: Terms, open_px: float) -> Opening:
    """Draw the opening print: the price where the path begins, about 1.5 % of the day's volume."""
    draw = rng(terms.seed, terms.date, terms.listing.key, "open")
    qty = int(terms.listing.turnover_cr * 1e7 / terms.prev_close * 0.015 * draw.uniform(0.5, 1.6))
    return Opening(_on_tick(open_px, terms), max(1, qty))


def pre_open(terms: Terms, windows: tuple[Window, ...], opened: Opening) -> list[tuple[int, Update]]:
    """Tell the pre-open: indications that settle on the opening price, then the print."""
    collect = [w for w in windows if w.phase is Phase.PRE_OPEN]
    match = [w for w in windows if w.phase is Phase.PRE_OPEN_MATCH]
    if not collect or not match:
        return []
    eve = Eve(terms.prev_close, terms.prev_ltt, 0, 0.0, 0, None, None, 0.0)
    out = _indications(terms, "pre-open", (collect[0].start_ms, collect[0].end_ms), opened, eve)
    draw = rng(terms.seed, terms.date, terms.listing.key, "open print")
    ts = match[0].start_ms + int(draw.integers(800, 50_000))
    day = Bar(terms.day_ts, opened.px, opened.px, opened.px, opened.px, opened.qty)
    update = _bare(terms, Eve(opened.px, ts, opened.qty, opened.px, opened.qty, day, None, 0.0))
    return [*out, (ts + 40, update)]


def closing(terms: Terms, windows: tuple[Window, ...], eve: Eve) -> list[tuple[int, Update]]:
    """Tell the closing auction: the reference price, indications, and the closing print."""
    parts = {w.phase: w for w in windows}
    if Phase.AUCTION not in parts or Phase.AUCTION_MATCH not in parts:
        return []
    draw = rng(terms.seed, terms.date, terms.listing.key, "close")
    px = _on_tick(eve.reference * float(np.exp(np.clip(draw.normal(0, 0.003), -0.02, 0.02))), terms)
    qty = max(1, int(eve.vtt * 0.08 * draw.uniform(0.5, 1.8)))
    first = _bare(terms, eve)
    first.auction = Auction(rp=round(eve.reference, 2))
    out = [(parts[Phase.AUCTION_REFERENCE].start_ms + int(draw.integers(50, 900)), first)] if Phase.AUCTION_REFERENCE in parts else []
    end = parts[Phase.AUCTION_MATCH].start_ms - int(draw.integers(2_000, 110_000))
    out += _indications(terms, "closing", (parts[Phase.AUCTION].start_ms, end), Opening(px, qty), eve)
    ts = parts[Phase.AUCTION_MATCH].start_ms + int(draw.integers(2_000, 60_000))
    vtt = eve.vtt + qty
    atp = round((eve.atp * eve.vtt + px * qty) / vtt, 2)
    old = eve.day or Bar(terms.day_ts, px, px, px, px, 0)
    day = Bar(terms.day_ts, old.open, max(old.high, px), min(old.low, px), px, vtt)
    out.append((ts + 40, _bare(terms, Eve(px, ts, qty, atp, vtt, day, eve.minute, eve.reference))))
    return out


def _indications(terms: Terms, name: str, hours: tuple[int, int], target: Opening, eve: Eve) -> list[tuple[int, Update]]:
    """Indications that come closer to the print as the auction goes on."""
    start, end = hours
    draw = rng(terms.seed, terms.date, terms.listing.key, name)
    gaps = draw.integers(EVERY_MS[0], EVERY_MS[1], size=(end - start) // EVERY_MS[0] + 1)
    at = start + np.cumsum(gaps)
    out: list[tuple[int, Update]] = []
    for ts in at[at < end].tolist():
        left = (end - ts) / (end - start)
        indicated = _on_tick(target.px * float(np.exp(draw.normal(0, 0.006) * left)), terms)
        matched = max(1, int(target.qty * (1 - 0.9 * left) * draw.uniform(0.9, 1.0)))
        imbalance = int(draw.normal(0, 0.15) * target.qty)
        update = _bare(terms, eve)
        update.auction = Auction(indicated, round(eve.reference, 2), matched, imbalance, int(imbalance * draw.uniform(-0.5, 1.2)))
        _crossed_book(terms, update, indicated, matched, draw)
        out.append((ts, update))
    return out


def _crossed_book(terms: Terms, update: Update, indicated: float, matched: int, draw: np.random.Generator) -> None:
    """Four priced levels that may cross, and the market orders on a fifth without a price."""
    tick = terms.tick_paise / 100
    qty = draw.integers(1, max(2, matched // 10) + 1, size=(2, LEVELS)).tolist()
    away = np.cumsum(draw.integers(1, 6, size=(2, LEVELS - 1)), axis=1) - 3
    update.bid_px = [*(round(indicated - float(a) * tick, 2) for a in away[0]), 0.0]
    update.ask_px = [*(round(indicated + float(a) * tick, 2) for a in away[1]), 0.0]
    update.bid_qty, update.ask_qty = qty
    update.tbq, update.tsq = float(matched * 3 + sum(qty[0])), float(matched * 3 + sum(qty[1]))


def _bare(terms: Terms, eve: Eve) -> Update:
    return Update(
        terms.listing.key,
        eve.ltp,
        eve.ltt,
        eve.ltq,
        terms.prev_close,
        eve.atp,
        eve.vtt,
        bid_px=[0.0] * LEVELS,
        bid_qty=[0] * LEVELS,
        ask_px=[0.0] * LEVELS,
        ask_qty=[0] * LEVELS,
        day=eve.day,
        minute=eve.minute,
        is_cas=terms.is_cas,
    )


def _on_tick(px: float, terms: Terms) -> float:
    ticks = min(max(round(px * 100 / terms.tick_paise), terms.band[0]), terms.band[1])
    return round(ticks * terms.tick_paise / 100, 2)
