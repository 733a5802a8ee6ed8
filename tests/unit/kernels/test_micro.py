"""Quote and trade arithmetic on hand-made cases."""

from __future__ import annotations

import statistics

import pytest

from pipeline.kernels import micro as m


def test_quote():
    assert m.mid_k(100.0, 101.0) == 100.5
    assert m.spread_k(100.0, 101.0) == 1.0
    assert m.bps_k(1.0, 100.0) == 100.0
    assert m.microprice_k(100.0, 300.0, 101.0, 100.0) == pytest.approx(100.75)
    assert m.microprice_k(100.0, 0.0, 101.0, 0.0) == 100.5


@pytest.mark.parametrize(("bid", "ask"), [(0.0, 101.0), (100.0, 0.0), (0.0, 0.0)])
def test_a_missing_side_defines_nothing(bid, ask):
    assert m.mid_k(bid, ask) == m.spread_k(bid, ask) == m.microprice_k(bid, 1.0, ask, 1.0) == 0.0
    assert m.bps_k(1.0, 0.0) == 0.0


def test_imbalance():
    assert m.imbalance_k(300.0, 100.0) == 0.5
    assert m.imbalance_k(0.0, 100.0) == -1.0
    assert m.imbalance_k(0.0, 0.0) == 0.0


def test_return_and_turnover():
    assert m.return_k(101.0, 100.0) == pytest.approx(0.01)
    assert m.return_k(101.0, 0.0) == m.return_k(0.0, 100.0) == 0.0
    assert m.turnover_k(2720.7, 9) == 27_207_000 * 9
    assert m.turnover_k(83.1275, 2) == 831_275 * 2


def test_vwap_of_whole_turnovers():
    assert m.vwap_k(m.turnover_k(100.0, 3) + m.turnover_k(101.0, 1), 4) == pytest.approx(100.25)
    assert m.vwap_k(0, 0) == 0.0


def test_deviation_from_sums():
    values = [0.01, -0.02, 0.005, 0.0]
    assert m.deviation_k(sum(values), sum(v * v for v in values), 4) == pytest.approx(statistics.stdev(values))
    assert m.deviation_k(0.5, 0.25, 1) == m.deviation_k(0.0, 0.0, 0) == 0.0
    assert m.deviation_k(0.3, 0.03 * (1 - 1e-15), 3) == 0.0


def test_direction():
    assert [m.direction_k(now, 1.0) for now in (2.0, 0.5, 1.0)] == [1, -1, 0]


@pytest.mark.parametrize(
    ("price", "last_move", "side"),
    [(101.0, -1, 1), (102.0, -1, 1), (100.0, 1, -1), (99.0, 1, -1), (100.6, -1, 1), (100.4, 1, -1), (100.5, 1, 1), (100.5, -1, -1)],
)
def test_aggressor_by_quote_then_by_tick(price, last_move, side):
    assert m.aggressor_k(price, 100.0, 101.0, last_move) == side


def test_aggressor_without_a_quote():
    assert m.aggressor_k(100.0, 0.0, 0.0, 0) == 0
    assert m.aggressor_k(100.0, 0.0, 101.0, -1) == -1


def test_latch_holds_between_its_thresholds():
    assert m.latch_k(False, True, False)
    assert m.latch_k(True, False, False)
    assert not m.latch_k(False, False, False)
    assert not m.latch_k(True, False, True)
