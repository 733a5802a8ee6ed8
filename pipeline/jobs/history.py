"""History: candles fetched from the broker in, the same candles out, marked as history.

Reads   nothing from a stream: CandleWave records of the fetcher (any timeframes, oldest first)
Writes  HISTORY  one packed entry per wave; candle:<symbol>:<timeframe>:<field> samples
State   the newest wave told in this session: a restart fetches again, and what was told is not told twice
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.core.job import Context, Job, Output
from pipeline.core.schema import HISTORY
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CandleFlag, CandleWave
from pipeline.jobs.live import samples
from pipeline.kernels.jit import writable


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    told: int = 0


def initial(context: Context) -> State:
    return State(tuple(i.symbol for i in context.instruments))


def step(state: State, wave: CandleWave, now: int) -> Iterator[Output]:
    if wave.ts <= state.told:
        return
    state.told = wave.ts
    rows = writable(wave.rows)
    rows["flags"] |= int(CandleFlag.HISTORY)
    yield CandleWave(wave.ts, rows)
    yield from samples(state.symbols, rows)


def dump(state: State) -> bytes:
    return pack({"told": state.told})


def load(state: State, blob: bytes) -> None:
    plain, _ = unpack(blob)
    state.told = plain["told"]


job = Job(
    name="history",
    reads=(),
    writes=(HISTORY,),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    rebuild_from=HISTORY,
    script="historical_data_fetcher",
    about="candles of the days before, fetched at start",
)
