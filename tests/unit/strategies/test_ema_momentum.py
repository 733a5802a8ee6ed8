import pytest

from pipeline.core.registry import STRATEGIES
from pipeline.core.types import Side
from pipeline.strategies.ema_momentum import WEIGHTS, decide
from pipeline.strategies.spec import StrategyView

PARAMS = STRATEGIES.get("ema_momentum").defaults


def view(close, fast, slow, rsi=60.0, atr=1.0, **values):
    values = {"ema_9": fast, "ema_21": slow, "rsi_14": rsi, "atr_14": atr} | values
    return StrategyView(0, "AAA", 1, 0, close, close, close, close, 100, values, {})


def run(*views):
    memory = {}
    return [decide(v, PARAMS, memory) for v in views]


DOWN, UP = view(99.0, 99.5, 100.0, rsi=40), view(101.0, 100.5, 100.0)


def test_a_fresh_cross_fires_once():
    decisions = run(DOWN, UP, UP, UP)
    assert [d is not None for d in decisions] == [False, True, False, False]
    assert decisions[1].side is Side.BUY
    assert decisions[1].reasons[0] == "9-EMA crossed above 21-EMA"


def test_the_first_candle_ever_is_no_cross():
    assert run(UP) == [None]


def test_a_cross_may_be_confirmed_a_little_later_and_not_too_late():
    waiting = view(100.4, 100.5, 100.4)
    near = view(101.0, 100.5, 100.4)
    assert run(DOWN, waiting, near)[2] is not None
    assert run(DOWN, waiting, waiting, waiting, near)[4] is None


def test_a_pullback_that_resumes_fires_again():
    back = view(100.2, 100.5, 100.0)
    decisions = run(DOWN, UP, UP, back, UP, UP)
    assert [d is not None for d in decisions] == [False, True, False, False, True, False]
    assert decisions[4].reasons[0] == "pullback to 9-EMA resumed, 9-EMA above 21-EMA"
    assert decisions[4].score < decisions[1].score


@pytest.mark.parametrize("rsi", [49.9, 78.1])
def test_rsi_must_agree_and_not_be_exhausted(rsi):
    assert run(DOWN, view(101.0, 100.5, 100.0, rsi=rsi)) == [None, None]


def test_selling_mirrors_buying():
    buy = run(DOWN, UP)[1]
    sell = run(view(101.0, 100.5, 100.0, rsi=60), view(99.0, 99.5, 100.0, rsi=40))[1]
    assert (sell.side, sell.score) == (Side.SELL, buy.score)


def test_vwap_and_adx_raise_the_score():
    plain = run(DOWN, UP)[1].score
    good = run(DOWN, view(101.0, 100.5, 100.0, vwap=100.0, adx_14=40.0))[1]
    bad = run(DOWN, view(101.0, 100.5, 100.0, vwap=102.0, adx_14=5.0))[1]
    assert bad.score < plain < good.score
    assert good.reasons[1:] == ("RSI 60.0", "close above VWAP 100.00", "ADX 40.0")


def test_what_speaks_against_the_side_is_said_so():
    buy = run(DOWN, view(101.0, 100.5, 100.0, vwap=102.0, adx_14=5.0))[1]
    assert buy.reasons[2:] == ("but close below VWAP 102.00", "but ADX 5.0, no trend")
    sells = [run(view(101.0, 100.5, 100.0), view(99.0, 99.5, 100.0, rsi=40, vwap=vwap))[1] for vwap in (100.0, 98.0, 99.0)]
    assert [d.reasons[2] for d in sells] == ["close below VWAP 100.00", "but close above VWAP 98.00", "but close at VWAP 99.00"]
    assert sells[0].score > sells[1].score == sells[2].score


def test_the_score_is_a_weighted_mean():
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    best = run(DOWN, view(103.0, 102.0, 100.0, rsi=70, vwap=100.0, adx_14=50.0))[1]
    assert best.score == 1.0


def test_no_range_no_decision():
    assert run(DOWN, view(101.0, 100.5, 100.0, atr=0.0)) == [None, None]
