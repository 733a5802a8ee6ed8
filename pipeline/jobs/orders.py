"""Orders: recommendations, answers and quotes in; journalled intents, order events and fills out.

Reads   TICKS, RECOMMENDATIONS, CONFIRM_TERMINAL, CONFIRM_PAGE   merged by event time, in this order at equal times
Writes  CONFIRM_AUTO, INTENTS, DENIALS, ORDERS, FILLS
State   the desk with its paper venue; see engine/desk.py. The rules are in engine/orders.py.

In paper and replay modes the venue lives inside the state, so that a kill loses no resting order. Live modes
are refused here: nothing in this job can reach a broker.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.errors import Corrupt, Refused
from pipeline.core.job import Context, Job, Output
from pipeline.core.schema import CONFIRM_AUTO, CONFIRM_PAGE, CONFIRM_TERMINAL, DENIALS, FILLS, INTENTS, ORDERS, RECOMMENDATIONS, TICKS
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import Confirmation, Recommendation, Record, TickBatch
from pipeline.engine import desk as desks
from pipeline.engine.desk import Desk, new_desk
from pipeline.engine.orders import on_answer, on_end, on_recommendation, on_ticks


def initial(context: Context) -> Desk:
    """Set up the desk.

    Raises:
        Refused: a live mode; this process knows only the paper venue.
    """
    if context.mode.startswith("live"):
        raise Refused(f'mode {context.mode}: orders go to the paper venue only so far; set mode = "paper"')
    return new_desk(context.instruments, context.day, context.params)


def step(desk: Desk, record: Record, now: int) -> Iterable[Output]:
    if isinstance(record, TickBatch):
        return on_ticks(desk, record, now)
    if isinstance(record, Recommendation):
        return on_recommendation(desk, record, now)
    if isinstance(record, Confirmation):
        return on_answer(desk, record, now)
    raise Corrupt(f"orders cannot read a {type(record).__name__}")


def dump(desk: Desk) -> bytes:
    return pack(*desks.dump(desk))


def load(desk: Desk, blob: bytes) -> None:
    desks.restore(desk, *unpack(blob))


job = Job(
    "orders",
    reads=(TICKS, RECOMMENDATIONS, CONFIRM_TERMINAL, CONFIRM_PAGE),
    writes=(CONFIRM_AUTO, INTENTS, DENIALS, ORDERS, FILLS),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    snapshot_every=256,
    finish=on_end,
    script="orders",
    about="confirmation, pre-trade checks, paper orders, exits",
)
