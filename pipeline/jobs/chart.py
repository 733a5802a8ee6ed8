"""Chart analysis: each wave of indicator rows in, the same wave with the candlestick patterns of each row out.

Reads   HISTORY (first, to its end: it fills the views and the record, and brings no output), then INDICATORS
Writes  CHARTS    one packed entry per wave: candles, indicators and patterns, all that the filter needs
        PATTERNS  one readable entry per pattern found, with its record so far
        patterns:<symbol>:<timeframe>  the record of every pattern: told whole at the first live candle, then what was found
State   patterns/scan.py and patterns/reliability.py, one slot per symbol and timeframe; whose record was told

A row becomes Python objects only where a pattern is found on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.hits import PatternHit
from pipeline.core.job import Context, HashWrite, Job, Output
from pipeline.core.schema import CHARTS, HISTORY, INDICATORS, PATTERN_RECORD, PATTERNS, timeframe_label
from pipeline.core.session import ist_clock
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import TIMEFRAMES, CandleWave, ChartWave, IndicatorWave
from pipeline.jobs.indicators import slots_of
from pipeline.patterns.reliability import Rates, Tally, told, told_base
from pipeline.patterns.scan import Scan

LABELS = tuple(timeframe_label(minutes) for minutes in TIMEFRAMES)
ORDER = "timeframe, symbol"
"""How slots are numbered, told in the saved state: by ``slots_of``."""


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    scan: Scan
    tally: Tally
    is_told: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The patterns of a wave, one element each, in order of its rows."""

    slots: NDArray[np.int64]
    ts_candle: NDArray[np.int64]
    strengths: NDArray[np.int8]
    claims: NDArray[np.int64]
    """Places in the tally: a pattern on a side."""
    rates: Rates


def initial(context: Context) -> State:
    slots = len(context.instruments) * len(TIMEFRAMES)
    return State(tuple(i.symbol for i in context.instruments), Scan(slots), Tally(slots), np.zeros(slots, np.bool_))


def step(state: State, wave: IndicatorWave | CandleWave, now: int) -> Iterator[Output]:
    slots = slots_of(wave.rows, len(state.symbols))
    found = state.scan.step(slots, wave.rows)
    state.tally.step(slots, wave.rows["close"], found, state.scan.taken)
    if isinstance(wave, CandleWave):
        return
    yield ChartWave(wave.ts, wave.rows, wave.columns, wave.values, wave.warm, state.scan.patterns, found)
    rows, patterns = np.nonzero(found)
    strengths = found[rows, patterns]
    at, claims = slots[rows], state.tally.claims_of(patterns, strengths)
    known = state.tally.rates(at, claims)
    starts = wave.rows["ts"][rows]
    yield from _entries(state, wave.ts, Hits(at, starts, strengths, claims, known))
    yield from _records(state, at, claims, known, starts)
    at, claims = state.tally.known(slots[~state.is_told[slots]])
    yield from _records(state, at, claims, state.tally.rates(at, claims))
    state.is_told[slots] = True


def _entries(state: State, ts: int, hits: Hits) -> Iterator[PatternHit]:
    known = hits.rates
    is_rated = (known.hits > 0) & (state.tally.sides[hits.claims] != 0)
    ratios = (known.hit_ratio, known.low_ratio, known.high_ratio, known.base_ratio)
    whole = (x.tolist() for x in (hits.slots, hits.ts_candle, hits.claims, hits.strengths, known.hits))
    parts = (np.where(is_rated, np.round(x, 4), 0.0).tolist() for x in ratios)
    for slot, ts_candle, claim, *numbers in zip(*whole, *parts, strict=True):
        yield PatternHit(ts, ts_candle, *_named(state, slot), *state.tally.words[claim], *numbers)


def _records(
    state: State, slots: NDArray[np.int64], claims: NDArray[np.int64], known: Rates, starts: NDArray[np.int64] | None = None
) -> Iterator[HashWrite]:
    """Tell the record of claims, which stand slot by slot: one hash a slot. With the starts of their candles they are its newest."""
    names, base = state.tally.names, state.tally.base
    times = [0] * len(claims) if starts is None else starts.tolist()
    lines = zip(slots.tolist(), claims.tolist(), told(known, state.tally.sides[claims]), times, strict=True)
    for slot, group in groupby(lines, itemgetter(0)):
        told_now = list(group)
        fields: dict[str, str | int | float] = {"any": told_base(base[slot])}
        fields |= {names[claim]: line for _, claim, line, _ in told_now}
        if starts is not None:
            newest = told_now[-1][3]
            fields["newest"] = " ".join([ist_clock(newest)[:5], *(names[claim] for _, claim, _, start in told_now if start == newest)])
        yield HashWrite(PATTERN_RECORD, _named(state, slot), fields)


def _named(state: State, slot: int) -> tuple[str, str]:
    """Give the symbol and the timeframe of a slot, see ``slots_of``."""
    place, sid = divmod(slot, len(state.symbols))
    return state.symbols[sid], LABELS[place]


def dump(state: State) -> bytes:
    parts = {name: np.frombuffer(part.dump(), np.uint8) for name, part in (("scan", state.scan), ("tally", state.tally))}
    return pack({"slots": ORDER}, {**parts, "is_told": state.is_told})


def load(state: State, blob: bytes) -> None:
    """Take up a saved state; one whose slots were numbered otherwise is Corrupt."""
    plain, arrays = unpack(blob)
    if plain.get("slots") != ORDER:
        raise Corrupt("the saved charts are not those of this program: clear the session with `ticktick clear`")
    state.scan.load(arrays["scan"].tobytes())
    state.tally.load(arrays["tally"].tobytes())
    state.is_told[:] = arrays["is_told"]


job = Job(
    name="chart",
    reads=(INDICATORS,),
    writes=(CHARTS, PATTERNS),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    snapshot_every=50,
    preload=(HISTORY,),
    script="chart_analysis",
    about="candlestick patterns over six timeframes, and their record",
)
