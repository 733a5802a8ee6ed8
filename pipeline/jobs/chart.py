"""Chart analysis: each wave of indicator rows in, the same wave with the candlestick patterns of each row out.

Reads   HISTORY (first, to its end: it fills the views and the record, and brings no output), then INDICATORS
Writes  CHARTS    one packed entry per wave: candles, indicators and patterns, all that the filter needs
        PATTERNS  one readable entry per pattern found, with its record so far
        patterns:<symbol>:<timeframe>  the record of every pattern: told whole at the first live candle, then what was found
State   patterns/day.py, one slot per symbol and timeframe; whose record was told

A candle that is told late, or again, has in CHARTS the patterns of its place, and so has the newest candle of its slot, which indicators
tell again behind it. The record is counted again, and told whole: nothing counts twice. No entry in PATTERNS is made, changed or
taken back for a candle that is not the newest and told for the first time.

No row becomes Python objects: what is found in a wave is one batch of entries and one of hashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.batches import HashesWrite, Records, Words
from pipeline.core.errors import Corrupt
from pipeline.core.hits import PatternHit
from pipeline.core.job import Context, Job, Output
from pipeline.core.schema import CHARTS, HISTORY, INDICATORS, PATTERN_RECORD, PATTERNS, timeframe_label
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import TIMEFRAMES, CandleWave, ChartWave, IndicatorWave
from pipeline.jobs.indicators import day_start, slots_of
from pipeline.patterns.day import Day, Rescan
from pipeline.patterns.reliability import Rates, fields_of, lines_of
from pipeline.patterns.telling import NEWEST

LABELS = tuple(timeframe_label(minutes) for minutes in TIMEFRAMES)
ORDER = "timeframe, symbol; from the day's start"
"""What is saved, and how its slots are numbered: by ``slots_of``."""


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    named: tuple[tuple[str, str], ...]
    """Symbol and timeframe of each slot, see ``slots_of``."""
    day: Day
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
    symbols = tuple(i.symbol for i in context.instruments)
    named = tuple((symbol, label) for label in LABELS for symbol in symbols)
    return State(symbols, named, Day(slots, day_start(context)), np.zeros(slots, np.bool_))


def step(state: State, wave: IndicatorWave | CandleWave, now: int) -> Iterator[Output]:
    slots, day = slots_of(wave.rows, len(state.symbols)), state.day
    found = day.step(slots, wave.rows)
    if isinstance(wave, CandleWave):
        return
    yield ChartWave(wave.ts, wave.rows, wave.columns, wave.values, wave.warm, day.scan.patterns, found)
    rows, patterns = np.nonzero(found if day.again is None else np.where(day.taken[:, np.newaxis], found, 0))
    strengths = found[rows, patterns]
    at, claims = slots[rows], day.tally.claims_of(patterns, strengths)
    known = day.tally.rates(at, claims)
    starts = wave.rows["ts"][rows]
    if len(rows) > 0:
        yield _entries(state, wave.ts, Hits(at, starts, strengths, claims, known))
        yield _record(state, at, claims, known, starts)
    if day.again is not None:
        yield from _record_again(state, day.again)
        state.is_told[day.again.touched] = True
    at, claims = day.tally.known(slots[~state.is_told[slots]])
    if len(at) > 0:
        yield _record(state, at, claims, day.tally.rates(at, claims), starts[:0])
    state.is_told[slots] = True


def _entries(state: State, ts: int, hits: Hits) -> Records:
    known, tally = hits.rates, state.day.tally
    is_rated = (known.hits > 0) & (tally.sides[hits.claims] != 0)
    ratios = (known.hit_ratio, known.low_ratio, known.high_ratio, known.base_ratio)
    places, sids = np.divmod(hits.slots, len(state.symbols))
    patterns, sides = zip(*tally.words, strict=True)
    named = (Words(state.symbols, sids), Words(LABELS, places), Words(patterns, hits.claims), Words(sides, hits.claims))
    parts = (np.where(is_rated, np.round(x, 4), 0.0) for x in ratios)
    return Records(PatternHit, (np.full(len(sids), ts), hits.ts_candle, *named, hits.strengths.astype(np.int64), known.hits, *parts))


def _record(state: State, slots: NDArray[np.int64], claims: NDArray[np.int64], known: Rates, starts: NDArray[np.int64]) -> HashesWrite:
    """Tell the record of claims, which stand slot by slot: one hash a slot. With the starts of their candles they are its newest."""
    text, ends, places = lines_of(state.day.tally, slots, claims, known, starts)
    return HashesWrite(PATTERN_RECORD, state.named, fields_of(state.day.tally), places, text, ends)


def _record_again(state: State, again: Rescan) -> Iterator[HashesWrite]:
    """Tell the whole record of slots that were counted again, with the newest candle of the day on which something was found, or ``-``."""
    tally, touched = state.day.tally, again.touched
    newest = np.zeros(len(touched), np.int64)
    rows, patterns = np.nonzero(again.found)
    hit = np.searchsorted(touched, again.slots[rows])
    np.maximum.at(newest, hit, again.ts[rows])
    is_newest = np.zeros((len(touched), len(tally.names)), np.bool_)
    last = again.ts[rows] == newest[hit]
    is_newest[hit[last], tally.claims_of(patterns[last], again.found[rows[last], patterns[last]])] = True
    at, claims = np.nonzero(again.were_hit | (tally.hits[touched] > 0) | is_newest)
    order = np.lexsort((claims, is_newest[at, claims], at))  # what was found on the newest candle stands last, see ``tell_k``
    at, claims = at[order], claims[order]
    known, starts = tally.rates(touched[at], claims), np.where(is_newest[at, claims], newest[at], 0)
    has_newest = newest[at] > 0
    for is_mine, said in ((has_newest, starts[has_newest]), (~has_newest, starts[:0])):
        if is_mine.any():
            yield _record(state, touched[at[is_mine]], claims[is_mine], known.only(is_mine), said)
    silent = touched[newest == 0]
    if len(silent) > 0:
        places = np.stack((silent, np.full(len(silent), NEWEST)), axis=1)
        text = np.full(len(silent), ord("-"), np.uint8)
        yield HashesWrite(PATTERN_RECORD, state.named, fields_of(tally), places, text, np.arange(len(silent) + 1))


def dump(state: State) -> bytes:
    return pack({"slots": ORDER}, {"day": np.frombuffer(state.day.dump(), np.uint8), "is_told": state.is_told})


def load(state: State, blob: bytes) -> None:
    """Take up a saved state; one whose slots were numbered otherwise is Corrupt."""
    plain, arrays = unpack(blob)
    if plain.get("slots") != ORDER:
        raise Corrupt("the saved charts are not those of this program: clear the session with `ticktick clear`")
    state.day.load(arrays["day"].tobytes())
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
