from __future__ import annotations

import pytest

from pipeline.core.errors import Refused
from pipeline.core.registry import INDICATORS, PATTERNS, STRATEGIES, Registry, did_you_mean


def filled() -> Registry[int]:
    registry: Registry[int] = Registry("indicator")
    for name, item in (("rsi", 3), ("ema", 1), ("atr", 2)):
        assert registry.add(name, item) == item
    return registry


def test_items_come_sorted_by_name_whatever_the_order_of_import() -> None:
    assert filled().names() == ("atr", "ema", "rsi")
    assert filled().items() == (("atr", 2), ("ema", 1), ("rsi", 3))
    assert filled().get("ema") == 1


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(Refused, match=r"^unknown indicator 'emma'; did you mean 'ema'\?$"):
        filled().get("emma")


def test_an_unknown_name_with_nothing_near_lists_what_there_is() -> None:
    with pytest.raises(Refused, match=r"^unknown indicator 'zzzzzz'; known: atr, ema, rsi$"):
        filled().get("zzzzzz")
    with pytest.raises(Refused, match="known: none"):
        Registry("pattern").get("doji")


def test_a_taken_name_is_refused_and_the_same_item_again_is_not() -> None:
    registry: Registry[object] = Registry("pattern")
    item = object()
    registry.add("doji", item)
    registry.add("doji", item)
    with pytest.raises(ValueError, match="two patterns are named 'doji'"):
        registry.add("doji", object())


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("RELIANC", "; did you mean 'RELIANCE'?"),
        ("reliance", "; did you mean 'RELIANCE'?"),
        ("hdfc bank", "; did you mean 'HDFCBANK'?"),
        ("qqqq", ""),
        ("", ""),
    ],
)
def test_did_you_mean(word: str, hint: str) -> None:
    assert did_you_mean(word, ["RELIANCE", "HDFCBANK", "INFY"]) == hint
    assert did_you_mean(word, reversed(["RELIANCE", "HDFCBANK", "INFY"])) == hint


def test_the_house_has_three_registries() -> None:
    assert [r.kind for r in (INDICATORS, PATTERNS, STRATEGIES)] == ["indicator", "pattern", "strategy"]
