"""Orders: recommendations, answers, quotes, commands and the broker's reports in; journalled intents, order events, fills and requests out.

Reads   TICKS, RECOMMENDATIONS, CONFIRM_TERMINAL, CONFIRM_PAGE, CONTROLS   merged by event time, in this order at equal times;
        with a broker outside, its reports from the process's own source (run/courier.py)
Writes  CONFIRM_AUTO, INTENTS, DENIALS, ORDERS, FILLS, ALERTS; with a broker outside REQUESTS and BROKER
State   the desk, with its paper venue inside in paper and replay modes; see engine/desk.py. The rules are in engine/orders.py.

In paper and replay modes the venue lives inside the state, so that a kill loses no resting order. In mode ``simulated`` requests leave,
once they are committed, for a simulator on loopback. Live modes are refused: nothing in this version reaches a real broker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import chain

from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

from pipeline.core.broker import BrokerReport, Control, Facts
from pipeline.core.errors import Corrupt, Refused
from pipeline.core.job import Context, HashWrite, Job, Output
from pipeline.core.schema import (
    ALERTS,
    BROKER,
    CONFIRM_AUTO,
    CONFIRM_PAGE,
    CONFIRM_TERMINAL,
    CONTROLS,
    DENIALS,
    FACTS,
    FILLS,
    INTENTS,
    ORDERS,
    RECOMMENDATIONS,
    REQUESTS,
    TICKS,
)
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import Confirmation, Recommendation, Record, TickBatch
from pipeline.engine import desk as desks
from pipeline.engine.desk import Desk, new_desk
from pipeline.engine.orders import on_answer, on_control, on_end, on_facts, on_recommendation, on_report, on_ticks
from pipeline.engine.watching import watch

PACKER, UNPACKER = ZstdCompressor(level=1, write_checksum=True), ZstdDecompressor()
OUTWARD = "simulated"
"""The mode in which orders leave the house."""


def initial(context: Context) -> Desk:
    """Set up the desk.

    Raises:
        Refused: a live mode; this process knows only the paper venue.
    """
    if context.mode.startswith("live"):
        raise Refused(f'mode {context.mode}: orders go to the paper venue or to a simulator only so far; set mode = "paper"')
    desk = new_desk(context.instruments, context.day, context.params, is_outward=context.mode == OUTWARD)
    desk.word, desk.account = context.word, context.account
    desk.carried_paise, desk.peak_paise = context.carried_paise, context.peak_paise
    return desk


def step(desk: Desk, record: Record, now: int) -> Iterable[Output]:
    if isinstance(record, TickBatch):
        return chain(on_ticks(desk, record, now), watch(desk, now))
    if isinstance(record, Recommendation):
        return on_recommendation(desk, record, now)
    if isinstance(record, Confirmation):
        return on_answer(desk, record, now)
    if isinstance(record, BrokerReport):
        return chain(on_report(desk, record, now), watch(desk, now))
    if isinstance(record, Control):
        return chain(on_control(desk, record, now), watch(desk, now))
    if isinstance(record, Facts):
        on_facts(desk, record, now)
        return (HashWrite(FACTS, (), {name: str(value) for name, value in asdict(record).items()} | {"ts": now}),)
    raise Corrupt(f"orders cannot read a {type(record).__name__}")


def dump(desk: Desk) -> bytes:
    """With a broker outside the state is saved with almost every commit, and waits for the disk with it: a tenth of the bytes."""
    return PACKER.compress(pack(*desks.dump(desk)))


def load(desk: Desk, blob: bytes) -> None:
    try:
        plain = UNPACKER.decompress(blob)
    except ZstdError as error:
        raise Corrupt(f"the orders snapshot cannot be read ({error}): stop, and clear the session with `ticktick clear`") from error
    desks.restore(desk, *unpack(plain))


job = Job(
    "orders",
    reads=(TICKS, RECOMMENDATIONS, CONFIRM_TERMINAL, CONFIRM_PAGE, CONTROLS),
    writes=(CONFIRM_AUTO, INTENTS, DENIALS, ORDERS, FILLS, REQUESTS, BROKER, ALERTS),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    snapshot_every=256,
    finish=on_end,
    script="orders",
    about="confirmation, pre-trade checks, paper orders, exits",
)
