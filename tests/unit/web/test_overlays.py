"""The lines over the candles are those of the indicators, in the house's own kernels."""

from __future__ import annotations

import math

import pytest

from web import overlays

MINUTE = 60_000


def rows(count: int, start: int = 1_795_146_300_000) -> list[list[float]]:
    closes = [100 + 3 * math.sin(i / 6) for i in range(count)]
    return [[start + i * MINUTE, c, c + 1, c - 1, c, 10.0 + i % 3] for i, c in enumerate(closes)]


def test_no_candles_no_lines():
    assert overlays.lines([], 10) == {}


def test_a_line_starts_when_it_is_warm():
    found = overlays.lines(rows(30), 30)
    assert {name: len(points) for name, points in found.items()} == {"ema_9": 22, "ema_21": 10, "vwap": 30, "rsi_14": 16}


def test_averages_follow_their_formula():
    candles = rows(60)
    closes = [row[4] for row in candles]
    mean = sum(closes[:9]) / 9
    for close in closes[9:]:
        mean += (close - mean) * 2 / 10
    assert overlays.lines(candles, 60)["ema_9"][-1] == [candles[-1][0], pytest.approx(mean)]


def test_vwap_begins_anew_each_day():
    day = 86_400_000
    candles = rows(5) + rows(3, 1_795_146_300_000 + day)
    last = sum((r[2] + r[3] + r[4]) / 3 * r[5] for r in candles[5:]) / sum(r[5] for r in candles[5:])
    assert overlays.lines(candles, 8)["vwap"][-1][1] == pytest.approx(last)


def test_only_what_is_shown_is_given_and_an_earlier_start_hardly_matters():
    candles = rows(500)
    shown = overlays.lines(candles, 100)["ema_21"]
    assert len(shown) == 100
    later = overlays.lines(candles[150:], 100)["ema_21"]
    assert [value for _, value in later] == pytest.approx([value for _, value in shown], rel=1e-9)
