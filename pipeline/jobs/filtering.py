"""Best filtering: each chart wave in, its signals and ranked recommendations out.

Reads   CHARTS           one packed entry per close wave: candles, indicators, patterns
Writes  SIGNALS          every strategy decision that fired, with the code of what became of it
        RECOMMENDATIONS  the best of them, priced, for confirmation
        regime:<symbol>  when a paper's regime (or the market's) changes
State   memories of the strategies, regimes, cooldowns; see engine/filtering.py. Never sees a quote or a position.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.job import Context, HashWrite, Job, Output
from pipeline.core.schema import CHARTS, RECOMMENDATIONS, REGIME, SIGNALS
from pipeline.core.session import ist_text
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import ChartWave
from pipeline.engine.filtering import FilterState, RegimeChange, new_filter
from pipeline.engine.filtering import step as filter_wave


def initial(context: Context) -> FilterState:
    return new_filter(context.instruments, context.day, context.params)


def step(state: FilterState, wave: ChartWave, now: int) -> Iterator[Output]:
    for output in filter_wave(state, wave, now):
        yield _regime(output) if isinstance(output, RegimeChange) else output


def dump(state: FilterState) -> bytes:
    return pack(state.dump())


def load(state: FilterState, blob: bytes) -> None:
    plain, _ = unpack(blob)
    state.restore(plain)


def _regime(change: RegimeChange) -> HashWrite:
    fields: dict[str, str | int | float] = {
        "regime": change.regime,
        "since": change.since,
        "since_ist": ist_text(change.since),
        "ts": change.ts,
    }
    return HashWrite(REGIME, (change.symbol,), fields)


job = Job(
    "filtering",
    reads=(CHARTS,),
    writes=(SIGNALS, RECOMMENDATIONS),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    script="best_filtering",
    about="signals, regime, ranked recommendations",
)
