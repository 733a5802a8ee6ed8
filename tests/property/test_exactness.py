"""The exactness table on a few real series, and its command's shape."""

from __future__ import annotations

import numpy as np

from pipeline.core.registry import INDICATORS
from tests.exactness import GOAL, Worst, compare, head, lines, measured, series_of
from tests.fakes.bars import candles


def test_real_candles_agree_with_every_oracle(shared_data):
    found = measured(shared_data, sessions=3, most=4)
    assert set(found) == {"candles_1m", "candles_1d"}
    for kind, table in found.items():
        assert set(table) == {c for _, s in INDICATORS.items() for c in s.columns}
        wrong = {c: (w.relative, w.is_same_nan) for c, w in table.items() if w.relative > GOAL or not w.is_same_nan}
        assert not wrong, kind
    assert all(w.count > 1000 for c, w in found["candles_1m"].items() if w.oracle == "TA-Lib")


def test_every_series_rises_in_time(shared_data):
    names = []
    for name, rows in series_of(shared_data / "candles_1d"):
        assert (np.diff(rows["ts"]) > 0).all(), name
        names.append(name)
    assert len(names) == len(set(names)) > 50


def test_a_wrong_value_and_a_wrong_place_show(monkeypatch):
    rows = candles(300, per_day=60)
    table: dict[str, Worst] = {}
    compare(table, "X", rows, 2)
    assert max(w.relative for w in table.values()) < GOAL
    monkeypatch.setattr("tests.exactness.run", lambda name, those: {c: np.full(len(those), 1.0) for c in INDICATORS.get(name).columns})
    compare(table, "X", rows, 2)
    assert table["ema_9"].relative > 0.5
    assert not table["ema_9"].is_same_nan
    assert "NaN elsewhere" in next(line for line in lines({"all": table}) if "| ema_9 |" in line)
    assert len(head(rows, 2)) == 120
