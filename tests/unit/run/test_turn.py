from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.core.batches import HashesWrite
from pipeline.core.errors import Corrupt
from pipeline.core.job import HashWrite, SampleWrite
from pipeline.core.schema import PORTFOLIO_PNL, REGIME, Role
from pipeline.core.types import TICK
from pipeline.core.views import RowsWrite
from pipeline.jobs.ticks import VIEW
from pipeline.run.turn import Pace, Pending
from pipeline.store.face import Progress


def test_two_turns_share_nothing():
    one, other = Pending(), Pending()
    one.entries.append(("stream", (1, 0), {}))
    assert other.entries == other.hashes == other.samples == other.shown == []


def test_a_pace_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Pace().batch = 1


def test_a_commit_has_all_that_was_yielded():
    pending = Pending([("stream", (1, 0), {})], batches=["batch"])
    text, ends = np.full(1, 55, np.uint8), np.array([0, 1])
    hash_, sample = HashWrite(REGIME, ("X",), {"state": "7"}), SampleWrite(PORTFOLIO_PNL, (), 1, 1.5)
    told = HashesWrite(REGIME, (("X",),), ("state",), np.zeros((1, 2), np.int64), text, ends)
    rows = RowsWrite(VIEW, ("X",), 1, np.zeros(1, TICK), np.ones(1, np.uint8))
    for out in (hash_, sample, told, rows):
        pending.show(out, "toy")
    done = pending.commit("toy", Role.DERIVED, Progress())
    assert (done.entries, done.batches) == ([("stream", (1, 0), {})], ["batch"])
    assert (done.hashes, done.samples, done.told, done.shown) == ([hash_], [sample], [told], [rows])


def test_what_no_stream_takes_is_corrupt():
    with pytest.raises(Corrupt, match="job toy yielded int"):
        Pending().show(7, "toy")
