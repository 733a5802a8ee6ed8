"""What only the twin has to show; the rest is in the store's exam."""

from __future__ import annotations

from pipeline.core.job import HashWrite, SampleWrite
from pipeline.core.schema import PORTFOLIO_PNL, REGIME, Role
from pipeline.store.face import Commit, Progress
from pipeline.store.memory import MemoryStore


def test_holds_copies_not_references():
    store = MemoryStore()
    progress = Progress(session="s", commits=1)
    store.commit(Commit("orders", Role.DERIVED, progress, snapshot=b"x"), 1)
    progress.commits = 9
    store.progress("orders", Role.DERIVED).commits = 8
    assert store.progress("orders", Role.DERIVED).commits == 1


def test_samples_of_one_instant_replace_each_other():
    store = MemoryStore()
    samples = [SampleWrite(PORTFOLIO_PNL, (), 5, 1.0), SampleWrite(PORTFOLIO_PNL, (), 5, 2.0)]
    store.commit(Commit("portfolio", Role.DERIVED, Progress(), samples=samples), 1)
    assert store.samples == {"portfolio:pnl": {5: 2.0}}


def test_put_and_fetch():
    store = MemoryStore()
    store.put(HashWrite(REGIME, ("X",), {"state": "ranging"}))
    assert store.fetch(Role.DERIVED, "regime:X") == {"state": "ranging"}
    assert store.fetch(Role.DERIVED, "regime:Y") == {}
