from __future__ import annotations

import pytest

from pipeline.core.errors import Corrupt, Refused
from pipeline.core.job import HashWrite
from pipeline.core.schema import INSTRUMENTS
from pipeline.core.types import Instrument
from pipeline.run import universe
from pipeline.store.memory import MemoryStore

ONE = Instrument(0, "RELIANCE", "NSE_EQ|INE002A01018", "Reliance", 10, 1, 100_000, is_cas_eligible=True)


def test_comes_back():
    store = MemoryStore()
    universe.publish(store, [ONE], "2026-11-20")
    assert universe.load(store, "2026-11-20") == (ONE,)


def test_of_another_day_or_absent_says_what_to_run():
    store = MemoryStore()
    with pytest.raises(Refused, match=r"no symbols for 2026-11-20 yet: run scripts/historical_data_fetcher\.py"):
        universe.load(store, "2026-11-20")
    universe.publish(store, [ONE], "2026-11-19")
    with pytest.raises(Refused, match="holds those of 2026-11-19"):
        universe.load(store, "2026-11-20")


def test_damaged_is_corrupt():
    store = MemoryStore()
    store.put(HashWrite(INSTRUMENTS, (), {"date": "2026-11-20", "count": 1, "0": "{}"}))
    with pytest.raises(Corrupt, match="again"):
        universe.load(store, "2026-11-20")


def test_whose_lots_and_ticks_they_are_is_known_or_not():
    store = MemoryStore()
    assert universe.is_of_today(store, "2026-11-20") is None
    for source, told in (("", None), ("sample", False), ("earlier", False), (universe.TODAY, True)):
        universe.publish(store, [ONE], "2026-11-20", source)
        assert universe.is_of_today(store, "2026-11-20") is told
    assert universe.is_of_today(store, "2026-11-23") is False
