from dataclasses import replace

import pytest

from pipeline.engine.sizing import entry_qty, worst_loss_paise
from tests.fakes.trading import PAPERS, PARAMS

RISK = PARAMS.risk


@pytest.mark.parametrize(
    ("limit", "stop", "lot", "freeze", "qty"),
    [
        (100_00, 99_00, 1, 10_000, 500),  # 5 % of 10 lakh over 100 rupees
        (100_00, 50_00, 1, 10_000, 200),  # 1 % of 10 lakh over 50 rupees
        (100_00, 99_00, 75, 10_000, 450),
        (100_00, 99_00, 1, 300, 300),
        (100_00, 99_00, 1, 0, 500),
        (100_00, 100_00, 1, 10_000, 0),
        (60_000_00, 59_000_00, 1, 10_000, 0),
    ],
)
def test_the_tightest_limit_sizes(limit, stop, lot, freeze, qty):
    paper = replace(PAPERS[0], lot_size=lot, freeze_qty=freeze)
    assert entry_qty(limit, stop, paper, RISK) == qty


def test_limits_of_one_order_size_too():
    assert entry_qty(100_00, 99_00, PAPERS[0], replace(RISK, max_order_ratio=0.01)) == 100
    assert entry_qty(100_00, 99_00, replace(PAPERS[0], lot_size=30), replace(RISK, max_order_qty=100)) == 90


def test_worst_loss_is_the_way_to_the_stop():
    assert worst_loss_paise(10, 100_00, 99_00) == 10_00
    assert worst_loss_paise(10, 99_00, 100_00) == 10_00
