import pytest

from pipeline.signals.regime import RANGING, TRENDING, UNKNOWN, VOLATILE, RegimeState, classify, observe, of_market


@pytest.mark.parametrize(
    ("was", "adx", "spread", "swing", "regime"),
    [
        (RANGING, 24.9, 1.0, 1.0, RANGING),
        (RANGING, 25.0, 1.0, 1.0, TRENDING),
        (TRENDING, 20.0, 1.0, 1.0, TRENDING),
        (TRENDING, 19.9, 2.0, 1.0, RANGING),
        (RANGING, 21.0, 1.25, 1.0, TRENDING),
        (TRENDING, 60.0, 1.0, 1.8, VOLATILE),
        (VOLATILE, 60.0, 1.0, 1.4, VOLATILE),
        (VOLATILE, 10.0, 1.0, 1.39, RANGING),
        (UNKNOWN, 10.0, 1.0, 1.0, RANGING),
    ],
)
def test_thresholds_in_and_out(was, adx, spread, swing, regime):
    assert classify(was, adx, spread, swing) == regime


def test_observation_measures_against_its_own_slow_averages():
    state = RegimeState()
    assert observe(state, 100, 10.0, 0.01, 0.001)
    assert (state.regime, state.since) == (RANGING, 100)
    assert not observe(state, 200, 10.0, 0.01, 0.001)
    assert observe(state, 300, 10.0, 0.01, 0.003)
    assert (state.regime, state.since) == (VOLATILE, 300)


def test_the_market_votes():
    assert of_market([]) == of_market([UNKNOWN]) == UNKNOWN
    assert of_market([VOLATILE, VOLATILE, RANGING, RANGING, RANGING]) == VOLATILE
    assert of_market([TRENDING, RANGING, UNKNOWN]) == TRENDING
    assert of_market([TRENDING, RANGING, RANGING]) == RANGING
