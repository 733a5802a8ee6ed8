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

import numpy as np
from numpy.typing import NDArray

from pipeline.core.job import Context, HashWrite, Job, Output
from pipeline.core.registry import PATTERNS as REGISTERED
from pipeline.core.schema import CHARTS, HISTORY, INDICATORS, PATTERN_RECORD, PATTERNS, timeframe_label
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import TIMEFRAMES, CandleWave, ChartWave, IndicatorWave, PatternHit
from pipeline.jobs.indicators import slots_of
from pipeline.patterns.reliability import Rates, Tally, told, told_base
from pipeline.patterns.scan import Scan

LABELS = tuple(timeframe_label(minutes) for minutes in TIMEFRAMES)


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
    patterns: NDArray[np.int64]
    strengths: NDArray[np.int8]
    claims: NDArray[np.int64]
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
    claims = state.tally.claims_of(patterns, strengths)
    hits = Hits(slots[rows], wave.rows["ts"][rows], patterns, strengths, claims, state.tally.rates(slots[rows], claims))
    yield from _entries(state, wave.ts, hits)
    yield from _records(state, hits)
    for slot in slots[~state.is_told[slots]].tolist():
        yield _whole_record(state, slot)
    state.is_told[slots] = True


def _entries(state: State, ts: int, hits: Hits) -> Iterator[PatternHit]:
    known = hits.rates
    ratios = [np.round(x, 4).tolist() for x in (known.hit_ratio, known.low_ratio, known.high_ratio, known.base_ratio)]
    is_rated = ((known.hits > 0) & (state.tally.sides[hits.claims] != 0)).tolist()
    columns = (hits.slots.tolist(), hits.ts_candle.tolist(), hits.patterns.tolist(), hits.strengths.tolist(), known.hits.tolist(), is_rated)
    for slot, ts_candle, pattern, strength, count, has_rate, *four in zip(*columns, *ratios, strict=True):
        name = state.scan.patterns[pattern]
        rate, low, high, base = four if has_rate else (0.0, 0.0, 0.0, 0.0)
        yield PatternHit(
            ts=ts,
            ts_candle=ts_candle,
            symbol=state.symbols[slot // len(TIMEFRAMES)],
            timeframe=LABELS[slot % len(TIMEFRAMES)],
            pattern=name,
            side=REGISTERED.get(name).side(strength),
            strength=strength,
            hits=count,
            hit_ratio=rate,
            low_ratio=low,
            high_ratio=high,
            base_ratio=base,
        )


def _records(state: State, hits: Hits) -> Iterator[HashWrite]:
    """Tell the record of what was found, one hash for each slot with hits."""
    claims = hits.claims.tolist()
    for slot, group in groupby(range(len(claims)), hits.slots.tolist().__getitem__):
        yield _record(state, slot, [(claims[at], at) for at in group], hits.rates)


def _whole_record(state: State, slot: int) -> HashWrite:
    claims = state.tally.known(slot)
    known = state.tally.rates(np.full(len(claims), slot), claims)
    return _record(state, slot, [(claim, at) for at, claim in enumerate(claims.tolist())], known)


def _record(state: State, slot: int, claims: list[tuple[int, int]], known: Rates) -> HashWrite:
    tally = state.tally
    fields: dict[str, str | int | float] = {"any": told_base(tally.base[slot])}
    for claim, at in claims:
        fields[tally.names[claim]] = told(known, at, int(tally.sides[claim]))
    return HashWrite(PATTERN_RECORD, (state.symbols[slot // len(TIMEFRAMES)], LABELS[slot % len(TIMEFRAMES)]), fields)


def dump(state: State) -> bytes:
    parts = {name: np.frombuffer(part.dump(), np.uint8) for name, part in (("scan", state.scan), ("tally", state.tally))}
    return pack({}, {**parts, "is_told": state.is_told})


def load(state: State, blob: bytes) -> None:
    _, arrays = unpack(blob)
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
