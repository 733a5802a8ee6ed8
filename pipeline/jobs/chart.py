"""Chart analysis: each wave of indicator rows in, the same wave with the candlestick patterns of each row out.

Reads   HISTORY (first, to its end: it fills the rings and brings no output), then INDICATORS
Writes  CHARTS    one packed entry per wave: candles, indicators and patterns, all that the filter needs
        PATTERNS  one readable entry per pattern found
State   patterns/scan.py, one slot per symbol and timeframe
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.core.job import Context, Job, Output
from pipeline.core.registry import PATTERNS as REGISTERED
from pipeline.core.schema import CHARTS, HISTORY, INDICATORS, PATTERNS, timeframe_label
from pipeline.core.types import TIMEFRAMES, CandleWave, ChartWave, IndicatorWave, PatternHit
from pipeline.jobs.indicators import slots_of
from pipeline.patterns.scan import Scan


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    scan: Scan


def initial(context: Context) -> State:
    return State(tuple(i.symbol for i in context.instruments), Scan(len(context.instruments) * len(TIMEFRAMES)))


def step(state: State, wave: IndicatorWave | CandleWave, now: int) -> Iterator[Output]:
    found = state.scan.step(slots_of(wave.rows, len(state.symbols)), wave.rows)
    if isinstance(wave, CandleWave):
        return
    yield ChartWave(wave.ts, wave.rows, wave.columns, wave.values, wave.warm, state.scan.patterns, found)
    for i, k in zip(*(place.tolist() for place in np.nonzero(found)), strict=True):
        row, name = wave.rows[i], state.scan.patterns[k]
        yield PatternHit(
            ts=wave.ts,
            ts_candle=int(row["ts"]),
            symbol=state.symbols[row["sid"]],
            timeframe=timeframe_label(int(row["timeframe"])),
            pattern=name,
            side=str(REGISTERED.get(name).lean),
        )


def dump(state: State) -> bytes:
    return state.scan.dump()


def load(state: State, blob: bytes) -> None:
    state.scan.load(blob)


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
    about="candlestick patterns over six timeframes",
)
