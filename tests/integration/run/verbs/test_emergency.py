"""`ticktick halt` stops a played day's order machine: the word reaches it through Redis and the runner."""

from __future__ import annotations

from pipeline.core.broker import Control, Word
from pipeline.core.job import Context
from pipeline.core.types import OrderEvent
from pipeline.jobs.orders import job
from tests.fakes.trading import DATE, PAPERS, PARAMS, at, day, frame, recommendation

T = at("10:00")


def statuses(outputs):
    return [(o.status, o.reason) for o in outputs if isinstance(o, OrderEvent) and o.purpose == "entry"]


def test_a_halt_denies_what_comes_until_it_is_lifted():
    desk = job.initial(Context(PAPERS, DATE, "paper", PARAMS, day()))
    list(job.step(desk, frame(T, (0, 99.95, 100.05)), T))
    list(job.step(desk, Control(T, Word.HALT, "command"), T))
    list(job.step(desk, recommendation(ts=T), T))
    assert statuses(job.step(desk, frame(T + 2000, (0, 99.95, 100.05)), T + 2000)) == [("DENIED", "halted")]
    list(job.step(desk, Control(T + 3000, Word.RESUME, "command"), T + 3000))
    list(job.step(desk, recommendation(ts=T + 4000), T + 4000))
    assert statuses(job.step(desk, frame(T + 6000, (0, 99.95, 100.05)), T + 6000))[0][0] == "SENDING"
