"""A generated morning for the simulator's tests, made once."""

from __future__ import annotations

from functools import lru_cache

from pipeline.simulator.config import span
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.generated import GeneratedMarket
from pipeline.simulator.listing import DEFAULT_LISTINGS, Listing
from pipeline.simulator.market import Frame
from pipeline.simulator.tape import Tape

DATE = "2026-11-20"


def market(session: str = "short", *, seed: int = 7, date: str = DATE, listings: tuple[Listing, ...] = DEFAULT_LISTINGS) -> GeneratedMarket:
    calendar = load_calendar()
    day = calendar.day(date)
    assert day is not None
    return GeneratedMarket(seed, day, calendar.previous(date), listings, span(session, day))


@lru_cache(maxsize=8)
def frames(session: str = "short", seed: int = 7) -> tuple[Frame, ...]:
    return tuple(market(session, seed=seed).frames())


def tape_of(maker, played) -> Tape:
    tape = Tape(maker.day, maker.listings, maker.start_ms)
    for update in maker.opening()[1]:
        tape.latest[update.key] = update
    for frame in played:
        tape.take(frame)
    return tape
