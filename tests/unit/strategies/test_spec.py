import pytest

from pipeline.core.errors import Refused
from pipeline.core.registry import STRATEGIES
from pipeline.strategies.spec import StrategySpec, parameters, strategy


def test_a_timeframe_that_no_candle_has_is_refused():
    with pytest.raises(Refused, match="timeframe 2"):
        strategy("test_only", timeframe=2, needs=())
    assert "test_only" not in STRATEGIES.names()


def test_settings_overlay_defaults_and_unknown_names_are_refused():
    spec = StrategySpec("s", 1, (), (), {"period": 9.0, "width": 2.0}, lambda *_: None)
    assert parameters(spec, {"width": 3.0}) == {"period": 9.0, "width": 3.0}
    with pytest.raises(Refused, match="did you mean 'period'"):
        parameters(spec, {"perod": 1.0})


def test_registered_strategies_say_what_they_are():
    assert STRATEGIES.names()
    for name, spec in STRATEGIES.items():
        assert spec.name == name
        assert spec.about
        assert all(0 < factor <= 1 for factor in spec.fits.values())
