from __future__ import annotations

import dataclasses

import pytest

from pipeline.core import schema as s
from pipeline.core.job import HashWrite, Job, SampleWrite


def counting_job(**more) -> Job:
    return Job(
        name="counting",
        reads=(s.TICKS,),
        writes=(s.CANDLES,),
        initial=lambda context: {"n": 0},
        step=lambda state, record, now: (),
        dump=lambda state: b"",
        load=lambda state, blob: None,
        **more,
    )


def test_a_job_snapshots_at_every_entry_unless_it_says_otherwise() -> None:
    job = counting_job()
    assert (job.snapshot_every, job.preload, job.rebuild_from, job.finish) == (1, (), None, None)
    assert counting_job(snapshot_every=50).snapshot_every == 50


def test_a_job_is_a_value() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        counting_job().name = "other"


def test_outputs_name_their_key_by_family_and_labels() -> None:
    latest = HashWrite(s.TICK_LATEST, ("RELIANCE",), {"ltp": 1.0})
    assert latest.hash.key(*latest.labels) == "tick:RELIANCE"
    sample = SampleWrite(s.LTP, ("RELIANCE",), 1, 1412.35)
    assert sample.series.key(*sample.labels) == "symbol:RELIANCE"
