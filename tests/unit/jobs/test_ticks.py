"""The ticks job: batches with metrics, conflated hashes and samples, market status, state."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.feed import DEPTH, DepthBatch, FeedEvent, FeedEventKind
from pipeline.core.job import HashWrite
from pipeline.core.schema import LTP, MARKET_STATUS, METRIC, TICK_LATEST
from pipeline.core.types import MarketStatus, TickBatch
from pipeline.core.views import HASH_BIT, RowsWrite
from pipeline.jobs.ticks import job
from pipeline.store.resp import RowEncoder
from pipeline.store.shown import parsed
from tests.fakes.context import context
from tests.fakes.feed_rows import OPEN, batch, gap, tick


@pytest.fixture
def state():
    return job.initial(context())


def frame(ms, sid=0, **fields):
    ts = OPEN + ms
    return batch(tick(ts, 100.0 + ms / 1000, sid=sid, vtt=500 + ms, bid=(99.9, 300), ask=(100.1, 100), **fields))


def run(state, *batches):
    return [list(job.step(state, b, b.ts)) for b in batches]


def kinds(outputs):
    """What is shown of whom: (hash or series family, labels)."""
    out = []
    for write in outputs:
        if isinstance(write, HashWrite):
            out.append((write.hash, write.labels))
        if isinstance(write, RowsWrite):
            for sid, due in zip(write.rows["sid"].tolist(), write.due.tolist(), strict=True):
                out += [(write.view.hash, (write.symbols[sid],))] if due >> HASH_BIT & 1 else []
                out += [(s.series, (write.symbols[sid], *s.labels)) for s in write.view.series if due >> s.bit & 1]
    return out


def test_each_frame_gives_one_batch_with_metrics(state):
    raw = frame(0)
    first, second = run(state, raw, frame(10))
    assert isinstance(first[0], TickBatch)
    assert first[0].rows["mid"][0] == pytest.approx(100.0)
    assert second[0].rows["volume"].tolist() == [10]
    assert first[0].rows is raw.rows, "rows of the decoder are filled in place"


def test_people_see_a_symbol_at_most_once_an_interval(state):
    outs = run(state, *(frame(ms) for ms in (0, 100, 249, 250, 999, 1000)))
    assert all((TICK_LATEST, ("ALPHA",)) in kinds(o) for o in outs), "how often it is written is the store's to decide"
    assert [any(k == (LTP, ("ALPHA",)) for k in kinds(o)) for o in outs] == [True, False, False, True, True, False]
    assert [any(k[0] == METRIC for k in kinds(o)) for o in outs] == [True, False, False, False, False, True]


def test_symbols_are_conflated_apart(state):
    outs = run(state, frame(0), frame(10, sid=1))
    assert (TICK_LATEST, ("BRAVO",)) in kinds(outs[1])


def test_a_metric_that_is_not_defined_has_no_sample(state):
    (out,) = run(state, batch(tick(OPEN, 100.0)))
    write = next(o for o in out if isinstance(o, RowsWrite))
    encoder = RowEncoder(write.view, write.symbols)
    encoder.take(write)
    samples, count = encoder.samples()
    assert count == 2
    text = bytes(samples)
    assert b"symbol:ALPHA:return" in text
    assert b"symbol:ALPHA\r\n" in text


def test_the_hash_reads_well(state):
    out = run(state, frame(0), frame(300))[1]
    write = next(o for o in out if isinstance(o, RowsWrite))
    encoder = RowEncoder(write.view, write.symbols)
    encoder.take(write)
    (words,) = parsed(encoder.hashes()[0])
    assert words[:2] == [b"HSET", b"tick:ALPHA"]
    fields = dict(zip(*[iter(part.decode() for part in words[2:])] * 2, strict=True))
    assert (fields["ltp"], fields["bid_px"], fields["ask_qty"], fields["vtt"]) == ("100.3", "99.9", "100", "800")
    assert fields["time"] == "2025-12-15 09:15:00.300 +05:30"
    assert fields["marks"] == "has_depth traded"
    assert fields["kind"] == "live"


def test_deep_books_and_events_pass_as_they_are(state):
    deep, event = DepthBatch(OPEN, np.zeros(1, DEPTH)), FeedEvent(OPEN, 1, 0, FeedEventKind.FRAME, b"x")
    assert list(job.step(state, deep, OPEN)) == [deep]
    assert list(job.step(state, event, OPEN)) == [event]


def test_gaps_pass(state):
    row = gap(OPEN, OPEN + 500)
    (out,) = run(state, batch(row))
    assert len(out) == 1
    assert out[0].rows.tobytes() == row.tobytes()


def test_market_status_goes_to_its_hash(state):
    (out,) = job.step(state, MarketStatus(OPEN, (("NSE_EQ", "NORMAL_OPEN"),), is_session_over=False), OPEN)
    assert out.hash is MARKET_STATUS
    assert out.fields["NSE_EQ"] == "NORMAL_OPEN"
    assert out.fields["is_session_over"] == 0


def test_a_restored_state_goes_on_bit_for_bit(state):
    frames = [frame(ms) for ms in range(0, 40_000, 97)]
    run(state, *frames[:200])
    twin = job.initial(context())
    job.load(twin, job.dump(state))
    ours, theirs = run(state, *frames[200:]), run(twin, *frames[200:])
    assert [o[0].rows.tobytes() for o in ours] == [o[0].rows.tobytes() for o in theirs]
    assert [kinds(o) for o in ours] == [kinds(o) for o in theirs]
    assert job.dump(state) == job.dump(twin)


def test_stepping_its_own_output_again_gives_the_same_state(state):
    outs = run(state, *(frame(ms) for ms in range(0, 40_000, 97)))
    twin = job.initial(context())
    again = run(twin, *(o[0] for o in outs))
    assert job.dump(twin) == job.dump(state)
    assert [o[0].rows.tobytes() for o in again] == [o[0].rows.tobytes() for o in outs]
