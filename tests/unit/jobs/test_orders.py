from dataclasses import replace

import pytest

from pipeline.core.broker import Facts
from pipeline.core.errors import Corrupt, Refused
from pipeline.core.job import Context
from pipeline.core.schema import FACTS
from pipeline.core.types import Confirmation, Fill, OrderEvent, OrderIntent
from pipeline.jobs.orders import job
from tests.fakes.trading import DATE, PAPERS, PARAMS, at, day, frame, recommendation

T = at("10:00")
CONTEXT = Context(PAPERS, DATE, "paper", PARAMS, day())


def run(desk, *records):
    return [out for record in records for out in job.step(desk, record, record.ts)]


def test_a_day_in_four_records():
    desk = job.initial(CONTEXT)
    out = run(
        desk, frame(T, (0, 99.95, 100.05)), recommendation(ts=T), frame(T + 2000, (0, 99.95, 100.05)), frame(T + 3000, (0, 98.0, 98.1))
    )
    kinds = [type(r) for r in out]
    assert kinds[:6] == [Confirmation, OrderIntent, OrderEvent, OrderEvent, Fill, OrderEvent]
    assert [r.purpose for r in out if isinstance(r, OrderIntent)] == ["entry", "stop"]
    assert sum(r.side.sign * r.last_qty for r in out if isinstance(r, Fill)) == 0


def test_answers_are_taken():
    desk = job.initial(replace(CONTEXT, params=replace(PARAMS, orders=replace(PARAMS.orders, confirm="ask"))))
    rec = recommendation(ts=T)
    out = run(desk, frame(T, (0, 99.95, 100.05)), rec, Confirmation(T + 5, rec.id, "reject", "terminal"))
    assert [(r.status, r.reason) for r in out] == [("DENIED", "rejected")]


def test_a_word_of_yesterday_still_holds():
    desk = job.initial(replace(CONTEXT, word="halt"))
    out = run(desk, frame(T, (0, 99.95, 100.05)), recommendation(ts=T), frame(T + 2000, (0, 99.95, 100.05)))
    assert [(r.status, r.reason) for r in out if isinstance(r, OrderEvent)] == [("DENIED", "halted")]


@pytest.mark.parametrize("mode", ["live-real", "live-sandbox"])
def test_live_modes_are_refused(mode):
    with pytest.raises(Refused, match="paper"):
        job.initial(replace(CONTEXT, mode=mode))


def test_what_was_looked_up_is_kept_with_the_state_and_shown():
    outward = replace(CONTEXT, mode="simulated")
    desk, twin = job.initial(outward), job.initial(outward)
    (shown,) = job.step(desk, Facts(0, 5, True, -7, None, 100), T)
    assert (shown.hash, shown.fields["ts"], shown.fields["clock_skew_ms"], shown.fields["is_master_of_today"]) == (FACTS, T, "-7", "None")
    job.load(twin, job.dump(desk))
    assert twin.facts == desk.facts == Facts(T, 5, True, -7, None, 100)


def test_a_record_of_another_stream_is_corrupt():
    with pytest.raises(Corrupt, match="str"):
        job.step(job.initial(CONTEXT), "x", 0)


def test_saved_and_loaded_it_goes_on_the_same():
    desk, twin = job.initial(CONTEXT), job.initial(CONTEXT)
    run(desk, frame(T, (0, 99.95, 100.05)), recommendation(ts=T), frame(T + 2000, (0, 99.95, 100.05)))
    job.load(twin, job.dump(desk))
    last = frame(T + 3000, (0, 98.0, 98.1))
    assert run(twin, last) == run(desk, last)
    assert job.dump(twin) == job.dump(desk)
    assert job.finish is not None
    assert list(job.finish(desk, T + 4000)) == []


def test_a_damaged_snapshot_is_corrupt():
    desk = job.initial(CONTEXT)
    blob = bytearray(job.dump(desk))
    blob[-1] ^= 1
    for broken in (bytes(blob), b"no snapshot"):
        with pytest.raises(Corrupt, match="ticktick clear"):
            job.load(job.initial(CONTEXT), broken)
