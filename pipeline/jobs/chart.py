"""Chart analysis: each wave of indicator rows in, the same wave with the candlestick patterns of each row out.

Reads   HISTORY (first, to its end: it fills the views and the record, and brings no output), then INDICATORS
Writes  CHARTS    one packed entry per wave: candles, indicators and patterns, all that the filter needs
        PATTERNS  one readable entry per pattern found, with its record so far
        patterns:<symbol>:<timeframe>  the record of every pattern: told whole at the first live candle, then what was found
State   patterns/scan.py and patterns/reliability.py, one slot per symbol and timeframe; whose record was told

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
from pipeline.jobs.indicators import slots_of
from pipeline.patterns.reliability import Rates, Tally, fields_of, lines_of
from pipeline.patterns.scan import Scan

LABELS = tuple(timeframe_label(minutes) for minutes in TIMEFRAMES)
ORDER = "timeframe, symbol"
"""How slots are numbered, told in the saved state: by ``slots_of``."""


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    named: tuple[tuple[str, str], ...]
    """Symbol and timeframe of each slot, see ``slots_of``."""
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
    symbols = tuple(i.symbol for i in context.instruments)
    named = tuple((symbol, label) for label in LABELS for symbol in symbols)
    return State(symbols, named, Scan(slots), Tally(slots), np.zeros(slots, np.bool_))


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
    if len(rows) > 0:
        yield _entries(state, wave.ts, Hits(at, starts, strengths, claims, known))
        yield _record(state, at, claims, known, starts)
    at, claims = state.tally.known(slots[~state.is_told[slots]])
    if len(at) > 0:
        yield _record(state, at, claims, state.tally.rates(at, claims), starts[:0])
    state.is_told[slots] = True


def _entries(state: State, ts: int, hits: Hits) -> Records:
    known, tally = hits.rates, state.tally
    is_rated = (known.hits > 0) & (tally.sides[hits.claims] != 0)
    ratios = (known.hit_ratio, known.low_ratio, known.high_ratio, known.base_ratio)
    places, sids = np.divmod(hits.slots, len(state.symbols))
    patterns, sides = zip(*tally.words, strict=True)
    named = (Words(state.symbols, sids), Words(LABELS, places), Words(patterns, hits.claims), Words(sides, hits.claims))
    parts = (np.where(is_rated, np.round(x, 4), 0.0) for x in ratios)
    return Records(PatternHit, (np.full(len(sids), ts), hits.ts_candle, *named, hits.strengths.astype(np.int64), known.hits, *parts))


def _record(state: State, slots: NDArray[np.int64], claims: NDArray[np.int64], known: Rates, starts: NDArray[np.int64]) -> HashesWrite:
    """Tell the record of claims, which stand slot by slot: one hash a slot. With the starts of their candles they are its newest."""
    text, ends, places = lines_of(state.tally, slots, claims, known, starts)
    return HashesWrite(PATTERN_RECORD, state.named, fields_of(state.tally), places, text, ends)


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
