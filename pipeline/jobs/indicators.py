"""Technical indicators: each wave of closed candles in, one wave of indicator rows out.

Reads   HISTORY (first, to its end: it warms the bank and brings no output), then CANDLES
Writes  INDICATORS  one packed entry per wave: a row for each candle; what is not warm is 0.0 and says so
        indicators:<symbol> (1m) and indicators:<symbol>:<timeframe>  hashes with what is warm
        indicator:<symbol>:1m:<column>  a few columns only: an empty series costs Redis 5 kB
State   indicators/bank.py, one slot per symbol and timeframe
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.job import Context, HashWrite, Job, Output, SampleWrite
from pipeline.core.schema import CANDLES, HISTORY, INDICATOR, INDICATOR_LATEST, INDICATOR_LATEST_1M, INDICATORS, timeframe_label
from pipeline.core.session import ist_text
from pipeline.core.types import TIMEFRAMES, CandleFlag, CandleWave, IndicatorWave
from pipeline.indicators.bank import Bank

SERIES_COLUMNS = ("ema_9", "ema_21", "rsi_14", "atr_14", "vwap")
"""Columns of the one-minute rows that go to TimeSeries."""
_PLACE = np.full(max(TIMEFRAMES) + 1, -1, np.int64)
_PLACE[list(TIMEFRAMES)] = np.arange(len(TIMEFRAMES))


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    bank: Bank


def initial(context: Context) -> State:
    return State(tuple(i.symbol for i in context.instruments), Bank(len(context.instruments) * len(TIMEFRAMES)))


def slots_of(rows: NDArray[np.void], symbols: int) -> NDArray[np.int64]:
    """Number the pairs of symbol and timeframe: sid * 6 + place of the timeframe.

    Raises:
        Corrupt: a symbol or timeframe that is not of today; a kernel would write past its state.
    """
    sids, minutes = rows["sid"].astype(np.int64), rows["timeframe"].astype(np.int64)
    places = _PLACE[np.minimum(minutes, max(TIMEFRAMES))]
    if len(rows) > 0 and (sids.max() >= symbols or places.min() < 0 or minutes.max() > max(TIMEFRAMES)):
        raise Corrupt(f"a candle wave holds a symbol beyond the {symbols} of today, or an unknown timeframe: clear the session first")
    return sids * len(TIMEFRAMES) + places


def is_history(wave: CandleWave | IndicatorWave) -> bool:
    return len(wave.rows) > 0 and bool(wave.rows["flags"][0] & CandleFlag.HISTORY)


def step(state: State, wave: CandleWave, now: int) -> Iterator[Output]:
    values, warm = state.bank.step(slots_of(wave.rows, len(state.symbols)), wave.rows)
    if is_history(wave):
        return
    yield IndicatorWave(wave.ts, wave.rows, state.bank.columns, values, warm)
    for row, numbers, defined in zip(wave.rows, values.tolist(), warm.tolist(), strict=True):
        yield from _latest(state, row, {c: x for c, x, w in zip(state.bank.columns, numbers, defined, strict=True) if w})


def _latest(state: State, row: np.void, columns: dict[str, float]) -> Iterator[Output]:
    symbol, label, ts = state.symbols[row["sid"]], timeframe_label(int(row["timeframe"])), int(row["ts"])
    fields: dict[str, str | int | float] = {"ts": ts, "time": ist_text(ts), "close": row["close"].item(), **columns}
    if row["timeframe"] != TIMEFRAMES[0]:
        yield HashWrite(INDICATOR_LATEST, (symbol, label), fields)
        return
    yield HashWrite(INDICATOR_LATEST_1M, (symbol,), fields)
    for name in SERIES_COLUMNS:
        if name in columns:
            yield SampleWrite(INDICATOR, (symbol, label, name), ts, columns[name])


def dump(state: State) -> bytes:
    return state.bank.dump()


def load(state: State, blob: bytes) -> None:
    state.bank.load(blob)


job = Job(
    name="indicators",
    reads=(CANDLES,),
    writes=(INDICATORS,),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    snapshot_every=50,
    preload=(HISTORY,),
    script="technical_indicators",
    about="closed candles -> indicators of six timeframes",
)
