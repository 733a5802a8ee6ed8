"""Live candles: each tick batch in, a wave of closed candles out when a minute is over.

Reads   TICKS    one packed entry per feed frame, in order of event time
Writes  CANDLES  one packed entry per close wave, six timeframes
        candle:<symbol>:<timeframe>:<field>  one sample per closed candle, stamped by its start
        candle:check:<symbol>  hash: how our minutes agree with the feed's own (I1), and what was kept out of them
State   market/candles.py's open minutes. At the end of the input whatever is open closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.job import Context, HashWrite, Job, Output, SampleWrite
from pipeline.core.schema import CANDLE_CHECK, CANDLE_FIELD, CANDLE_FIELDS, CANDLES, TICKS, timeframe_label
from pipeline.core.session import group_of, ist_text
from pipeline.core.types import CandleWave, TickBatch
from pipeline.market import candles


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    builder: candles.CandleState


def initial(context: Context) -> State:
    windows = [[(w.start_ms, w.end_ms) for w in context.day.continuous(group_of(i))] for i in context.instruments]
    return State(tuple(i.symbol for i in context.instruments), candles.CandleState(windows, context.params.candles))


def step(state: State, batch: TickBatch, now: int) -> Iterator[Output]:
    return _told(state, candles.step(state.builder, batch))


def finish(state: State, now: int) -> Iterator[Output]:
    return _told(state, candles.finish(state.builder, now))


def _told(state: State, waves: Iterable[CandleWave]) -> Iterator[Output]:
    for wave in waves:
        yield wave
        yield from samples(state.symbols, wave.rows)
        for row in wave.rows[wave.rows["timeframe"] == 1]:
            fields = dict(candles.checks(state.builder, int(row["sid"])))
            yield HashWrite(CANDLE_CHECK, (state.symbols[row["sid"]],), {"time": ist_text(int(row["ts"])), **fields})


def samples(symbols: tuple[str, ...], rows: NDArray[np.void]) -> Iterator[SampleWrite]:
    """Give the readable form of candles: one sample per field, stamped by the candle's start."""
    columns = [rows[name].tolist() for name in CANDLE_FIELDS]
    for i, (sid, minutes, ts) in enumerate(zip(rows["sid"].tolist(), rows["timeframe"].tolist(), rows["ts"].tolist(), strict=True)):
        for name, column in zip(CANDLE_FIELDS, columns, strict=True):
            yield SampleWrite(CANDLE_FIELD, (symbols[sid], timeframe_label(minutes), name), ts, float(column[i]))


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
