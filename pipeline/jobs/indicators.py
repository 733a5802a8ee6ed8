"""Technical indicators: each wave of closed candles in, one wave of indicator rows out.

Reads   HISTORY (first, to its end: it warms the bank and brings no output), then CANDLES
Writes  INDICATORS  one packed entry per wave: a row for each candle; what is not warm is 0.0 and says so
        indicators:<symbol> (1m) and indicators:<symbol>:<timeframe>  hashes; what is not warm is empty text
        indicator:<symbol>:1m:<column>  a few columns only: an empty series costs Redis 5 kB
State   indicators/bank.py, one slot per symbol and timeframe

A candle that is told again, or late, changes what came after it (``indicators/bank.py``). The entry holds it with the values of its
place, and behind the candles of the wave the newest one of each such slot again, flagged REVISED: its values are the right ones now.
Hashes show the newest again, series every minute from the changed one on. A candle that the bank refused (it is not finite, or from
before the day) is in the entry, not warm, and is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.job import Context, Job, Output
from pipeline.core.schema import CANDLES, HISTORY, INDICATOR, INDICATOR_LATEST, INDICATOR_LATEST_1M, INDICATORS, timeframe_label
from pipeline.core.session import ist_ms
from pipeline.core.types import TIMEFRAMES, CandleFlag, CandleWave, IndicatorWave
from pipeline.core.views import HASH_BIT, Column, RowsWrite, RowView, Sampled
from pipeline.indicators.bank import Again, Bank
from pipeline.kernels.jit import kernel, warmer

SERIES_COLUMNS = ("ema_9", "ema_21", "rsi_14", "atr_14", "vwap")
"""Columns of the one-minute rows that go to TimeSeries."""
SERIES_BIT = 1
FIXED = 3
"""Words of a shown row before its columns: symbol, start of the candle, close."""
_PLACE = np.full(max(TIMEFRAMES) + 1, -1, np.int64)
_PLACE[list(TIMEFRAMES)] = np.arange(len(TIMEFRAMES))


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    bank: Bank
    views: dict[int, RowView]


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Whose values rows hold, and of which candle."""

    sids: NDArray[np.uint32]
    timeframes: NDArray[np.uint16]
    starts: NDArray[np.int64]
    closes: NDArray[np.float64]


def initial(context: Context) -> State:
    bank = Bank(len(context.instruments) * len(TIMEFRAMES), since=day_start(context))
    views = {minutes: view_of(minutes, bank.columns) for minutes in TIMEFRAMES}
    return State(tuple(i.symbol for i in context.instruments), bank, views)


def day_start(context: Context) -> int:
    """Give the instant from which on candles are the running day's."""
    return ist_ms(context.session_date, "00:00")


def view_of(minutes: int, columns: tuple[str, ...]) -> RowView:
    """Say how rows of one timeframe are shown."""
    label, is_first = timeframe_label(minutes), minutes == TIMEFRAMES[0]
    row = np.dtype([("sid", "<u4"), ("pad", "<u4"), ("ts", "<i8"), ("close", "<f8"), *((name, "<f8") for name in columns)])
    shown = (Column("ts", "ts"), Column("time"), *(Column(name, name) for name in ("close", *columns)))
    if not is_first:
        return RowView(row, INDICATOR_LATEST, shown, labels=(label,), is_paced=False)
    series = tuple(Sampled(INDICATOR, (label, name), name, "ts", SERIES_BIT) for name in SERIES_COLUMNS if name in columns)
    return RowView(row, INDICATOR_LATEST_1M, shown, series, is_paced=False)


def slots_of(rows: NDArray[np.void], symbols: int) -> NDArray[np.int64]:
    """Number the pairs of symbol and timeframe: place of the timeframe * symbols + sid, so that the rows of a wave rise.

    Raises:
        Corrupt: a symbol or timeframe that is not of today; a kernel would write past its state.
    """
    sids, minutes = rows["sid"].astype(np.int64), rows["timeframe"].astype(np.int64)
    places = _PLACE[np.minimum(minutes, max(TIMEFRAMES))]
    if len(rows) > 0 and (sids.max() >= symbols or places.min() < 0 or minutes.max() > max(TIMEFRAMES)):
        raise Corrupt(f"a candle wave holds a symbol beyond the {symbols} of today, or an unknown timeframe: clear the session first")
    return places * symbols + sids


def is_history(wave: CandleWave | IndicatorWave) -> bool:
    return len(wave.rows) > 0 and bool(wave.rows["flags"][0] & CandleFlag.HISTORY)


def step(state: State, wave: CandleWave, now: int) -> Iterator[Output]:
    bank, slots, rows = state.bank, slots_of(wave.rows, len(state.symbols)), wave.rows
    values, warm = bank.step(slots, rows)
    if is_history(wave):
        return
    is_newest, again = bank.taken, bank.again
    if again is not None:
        is_newest = bank.placed & (rows["ts"] == bank.last[slots])
        rows, values, warm, is_newest = _with_newest(bank, again, (slots, rows, values, warm, is_newest))
    yield IndicatorWave(wave.ts, rows, bank.columns, values, warm)
    heads = Heads(*(np.ascontiguousarray(rows[name]) for name in ("sid", "timeframe", "ts", "close")))
    yield from _shown(state, heads, values, warm, is_newest * np.uint8(1 << HASH_BIT | 1 << SERIES_BIT))
    if again is not None:
        yield from _series_again(state, again)


def _with_newest(bank: Bank, again: Again, told: Any) -> Any:
    """Add the newest candles of slots that were stepped again, where the wave has them not. ``told``: slots, and what is of its rows."""
    slots, rows, values, warm, is_newest = told
    at = np.flatnonzero(np.diff(again.slots, append=-1) != 0)
    at = at[~np.isin(again.slots[at], slots[is_newest])]
    more = bank.newest[again.slots[at]]
    more["flags"] |= int(CandleFlag.REVISED)
    rows, values, warm = (np.concatenate(pair) for pair in ((rows, more), (values, again.values[at]), (warm, again.warm[at])))
    return rows, values, warm, np.concatenate((is_newest, np.ones(len(at), np.bool_)))


@kernel
def lay_k(heads: Any, values: Any, warm: Any, table: Any, words: Any) -> None:
    """Lay rows out to be shown: what is not warm is NaN. ``heads`` are sids, starts, closes; ``words`` is the memory of ``table``."""
    sids, starts, closes = heads
    for i in range(len(sids)):
        words[i, 0] = sids[i]
        words[i, 1] = starts[i]
        table[i, 2] = closes[i]
        for k in range(values.shape[1]):
            table[i, FIXED + k] = values[i, k] if warm[i, k] else np.nan


def _shown(state: State, heads: Heads, values: NDArray[np.float64], warm: NDArray[np.bool_], due: NDArray[np.uint8]) -> Iterator[RowsWrite]:
    """Show rows, each run of one timeframe and start in one write."""
    if len(due) == 0:
        return
    table = np.empty((len(due), FIXED + values.shape[1]))
    lay_k((heads.sids, heads.starts, heads.closes), values, warm, table, table.view(np.int64))
    edges = np.flatnonzero((np.diff(heads.timeframes) != 0) | (np.diff(heads.starts) != 0)) + 1
    for first, end in pairwise([0, *edges.tolist(), len(due)]):
        view = state.views[int(heads.timeframes[first])]
        yield RowsWrite(view, state.symbols, int(heads.starts[first]), table[first:end].view(view.row).reshape(-1), due[first:end])


def _series_again(state: State, again: Again) -> Iterator[RowsWrite]:
    """Write the samples again that changed: of minutes, as only these have series."""
    at = np.flatnonzero(again.slots < len(state.symbols))
    at = at[np.argsort(again.ts[at], kind="stable")]
    heads = Heads(again.slots[at].astype(np.uint32), np.full(len(at), TIMEFRAMES[0], np.uint16), again.ts[at], again.closes[at])
    yield from _shown(state, heads, again.values[at], again.warm[at], np.full(len(at), 1 << SERIES_BIT, np.uint8))


def dump(state: State) -> bytes:
    return state.bank.dump()


def load(state: State, blob: bytes) -> None:
    state.bank.load(blob)


@warmer
def _warm() -> None:
    ints, one = np.zeros(1, np.int64), np.zeros((1, 1))
    table = np.zeros((1, FIXED + 1))
    lay_k((np.zeros(1, np.uint32), ints, one[0]), one, one > 0, table, table.view(np.int64))


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
