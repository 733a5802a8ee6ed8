from __future__ import annotations

import math

import pytest

from pipeline.core.errors import Refused
from pipeline.core.money import nse_tick_paise, round_out, round_to_tick, rupees, to_paise, whole_lots
from pipeline.core.types import Side


@pytest.mark.parametrize(("px", "paise"), [(1412.35, 141_235), (0.0, 0), (0.01, 1), (0.29, 29), (1.15, 115), (99_999.95, 9_999_995)])
def test_to_paise(px: float, paise: int) -> None:
    assert to_paise(px) == paise


@pytest.mark.parametrize("px", [math.nan, math.inf, -math.inf, -0.01])
def test_what_is_no_price_is_refused(px: float) -> None:
    with pytest.raises(Refused, match="is no price"):
        to_paise(px)


@pytest.mark.parametrize(
    ("paise", "text"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (-5, "-0.05"),
        (99_999, "999.99"),
        (141_235, "1,412.35"),
        (-141_235, "-1,412.35"),
        (1_00_000_00, "1,00,000.00"),
        (12_34_567_89, "12,34,567.89"),
        (10_00_00_000_00, "10,00,00,000.00"),
    ],
)
def test_rupees_in_indian_grouping(paise: int, text: str) -> None:
    assert rupees(paise) == text


def test_a_limit_is_never_rounded_to_our_cost() -> None:
    assert round_to_tick(141_237, 10, Side.BUY) == 141_230
    assert round_to_tick(141_233, 10, Side.SELL) == 141_240
    assert round_to_tick(141_230, 10, Side.BUY) == round_to_tick(141_230, 10, Side.SELL) == 141_230


def test_a_marketable_limit_stays_marketable() -> None:
    assert round_out(141_231, 10, Side.BUY) == 141_240
    assert round_out(141_239, 10, Side.SELL) == 141_230


@pytest.mark.parametrize("rounding", [round_to_tick, round_out])
@pytest.mark.parametrize("side", list(Side))
def test_rounding_refuses_what_is_no_price_or_no_tick(rounding, side: Side) -> None:
    for paise, tick in ((0, 5), (-5, 5), (100, 0), (100, -5)):
        with pytest.raises(Refused):
            rounding(paise, tick, side)


def test_a_price_below_one_tick_has_no_lower_neighbour() -> None:
    with pytest.raises(Refused, match="below one tick"):
        round_to_tick(4, 5, Side.BUY)
    assert round_to_tick(4, 5, Side.SELL) == 5


@pytest.mark.parametrize(
    ("paise", "day", "tick"),
    [
        (100_00, "2024-06-07", 5),
        (100_00, "2024-06-10", 1),
        (250_00, "2024-06-10", 5),
        (16_000_00, "2025-04-14", 5),
        (249_99, "2025-04-15", 1),
        (250_00, "2025-04-15", 5),
        (1_000_00, "2026-11-20", 5),
        (1_000_10, "2026-11-20", 10),
        (5_000_00, "2026-11-20", 10),
        (5_000_50, "2026-11-20", 50),
        (10_001_00, "2026-11-20", 100),
        (20_000_00, "2026-11-20", 100),
        (20_005_00, "2026-11-20", 500),
        (0, "2026-11-20", 1),
    ],
)
def test_tick_bands_by_date(paise: int, day: str, tick: int) -> None:
    assert nse_tick_paise(paise, day) == tick


def test_a_negative_price_has_no_tick() -> None:
    with pytest.raises(Refused):
        nse_tick_paise(-1, "2026-11-20")


@pytest.mark.parametrize(("qty", "lot", "whole"), [(149, 75, 75), (150, 75, 150), (74, 75, 0), (7, 1, 7), (0, 5, 0), (-3, 5, 0)])
def test_whole_lots(qty: int, lot: int, whole: int) -> None:
    assert whole_lots(qty, lot) == whole


def test_a_lot_must_be_positive() -> None:
    with pytest.raises(Refused, match="lot size 0"):
        whole_lots(10, 0)
