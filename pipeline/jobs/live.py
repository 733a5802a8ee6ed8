"""Live candles: each tick batch in, a wave of closed candles out when a minute is over.

Reads   TICKS    one packed entry per feed frame, in order of event time
Writes  CANDLES  one packed entry per close wave, six timeframes
        candle:<symbol>:<timeframe>:<field>  one sample per closed candle, stamped by its start
        candle:check:<symbol>  hash: how our minutes agree with the feed's own (I1), and what was kept out of them; ``time`` is the
        start of the newest minute told (the store writes it a few times a second at most, on our clock)
State   market/candles.py's open minutes. At the end of the input whatever is open closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.core.candle import CANDLE
from pipeline.core.job import Context, Job, Output
from pipeline.core.schema import CANDLE_CHECK, CANDLE_FIELD, CANDLE_FIELDS, CANDLES, TICKS, timeframe_label
from pipeline.core.session import group_of
from pipeline.core.types import TIMEFRAMES, CandleWave, TickBatch
from pipeline.core.views import HASH_BIT, Column, RowsWrite, RowView, Sampled
from pipeline.market import candles
from pipeline.market.candle_kernel import SYMBOL

SAMPLE_BIT = 1
VIEWS = {
    minutes: RowView(
        CANDLE, series=tuple(Sampled(CANDLE_FIELD, (timeframe_label(minutes), name), name, "low", SAMPLE_BIT) for name in CANDLE_FIELDS)
    )
    for minutes in TIMEFRAMES
}
"""A view for each timeframe, since its name stands in the key; every candle has a low."""
CHECK_VIEW = RowView(SYMBOL, CANDLE_CHECK, (Column("time"), *(Column(name, name) for name in candles.CHECKS)))


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    builder: candles.CandleState


def initial(context: Context) -> State:
    windows = [context.day.hours(group_of(i)) for i in context.instruments]
    return State(tuple(i.symbol for i in context.instruments), candles.CandleState(windows, context.params.candles))


def step(state: State, batch: TickBatch, now: int) -> Iterator[Output]:
    return _told(state, candles.step(state.builder, batch))


def finish(state: State, now: int) -> Iterator[Output]:
    return _told(state, candles.finish(state.builder, now))


def _told(state: State, waves: Iterable[CandleWave]) -> Iterator[Output]:
    for wave in waves:
        yield wave
        yield from samples(state.symbols, wave.rows)
        minutes = wave.rows[wave.rows["timeframe"] == 1]
        if len(minutes) > 0:
            checked = candles.checks(state.builder, minutes["sid"])
            yield RowsWrite(CHECK_VIEW, state.symbols, int(minutes["ts"][0]), checked, np.full(len(checked), 1 << HASH_BIT, np.uint8))


def samples(symbols: tuple[str, ...], rows: NDArray[np.void]) -> Iterator[RowsWrite]:
    """Give the readable form of candles: one sample per field, stamped by the candle's start. ``rows`` is sorted by timeframe."""
    cuts = np.flatnonzero((np.diff(rows["timeframe"]) != 0) | (np.diff(rows["ts"]) != 0)) + 1
    for first, end in pairwise([0, *cuts.tolist(), len(rows)] if len(rows) > 0 else []):
        part = rows[first:end]
        view = VIEWS[int(part["timeframe"][0])]
        yield RowsWrite(view, symbols, int(part["ts"][0]), part, np.full(len(part), 1 << SAMPLE_BIT, np.uint8))


def dump(state: State) -> bytes:
    return state.builder.dump()


def load(state: State, blob: bytes) -> None:
    state.builder.load(blob)


job = Job(
    name="live",
    reads=(TICKS,),
    writes=(CANDLES,),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    snapshot_every=2000,
    finish=finish,
    script="live_data",
    about="ticks -> closed candles of six timeframes",
)
