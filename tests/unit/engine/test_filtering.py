import json

import pytest

from pipeline.core.candle import Lineage
from pipeline.core.errors import Refused
from pipeline.core.types import CandleFlag, Recommendation, Side, Signal
from pipeline.engine.filtering import RegimeChange, new_filter, price, step
from pipeline.engine.identity import entry_cause, identity
from tests.fakes.trading import PAPERS, PARAMS, at, day, params, wave

T = at("10:01")
DOWN = {"close": 99.0, "ema_9": 99.5, "ema_21": 100.0, "rsi_14": 40.0, "atr_14": 1.0, "vwap": 100.0, "adx_14": 30.0}
UP = {"close": 101.0, "high": 101.2, "low": 100.4, "ema_9": 100.5, "ema_21": 100.0, "rsi_14": 60.0, "atr_14": 1.0, "vwap": 100.0}
UP |= {"adx_14": 30.0}


def make(**changes):
    return new_filter(PAPERS, day(), params(**changes))


def take(state, ts, *rows):
    out = list(step(state, wave(ts, *rows), ts))
    return [r for r in out if isinstance(r, Signal)], [r for r in out if isinstance(r, Recommendation)]


def crossed(state, *rows, ts=T):
    """Let each paper cross upwards; ``rows`` change the crossing candle."""
    rows = rows or ({"sid": 0},)
    take(state, ts - 60_000, *(DOWN | {"sid": row["sid"]} for row in rows))
    return take(state, ts, *(UP | row for row in rows))


def test_a_cross_becomes_a_signal_and_a_priced_recommendation():
    (signal,), (r,) = crossed(make())
    assert (signal.outcome, signal.symbol, signal.side, signal.timeframe) == ("recommended", "AAA", Side.BUY, "1m")
    assert signal.reasons.endswith("regime unknown; candle from unknown")
    assert (r.ref_paise, r.limit_paise, r.stop_paise, r.target_paise) == (101_00, 101_25, 99_00, 104_00)
    assert (r.rank, r.ts, r.expires_ms, r.score) == (1, T, T + 60_000, signal.strength)
    key = identity(entry_cause("ema_momentum", "AAA", "1m", signal.ts_candle, Side.BUY))
    assert (signal.id, r.id, r.signal_id) == (f"S{key}", f"R{key}", f"S{key}")


@pytest.mark.parametrize(
    ("lineage", "words"), [(Lineage.TICKS, "ticks"), (Lineage.TICKS | Lineage.INTRADAY, "ticks+intraday"), (Lineage.ARCHIVE, "archive")]
)
def test_a_signal_says_where_its_candle_came_from(lineage, words):
    (signal,), (proposal,) = crossed(make(), {"sid": 0, "lineage": lineage})
    assert signal.lineage == words
    assert signal.reasons == proposal.reasons
    assert signal.reasons.endswith(f"candle from {words}")


def test_the_best_are_ranked_and_the_rest_outranked():
    signals, recs = crossed(make(top=2), *({"sid": sid, "adx_14": adx} for sid, adx in ((0, 15.0), (1, 40.0), (2, 25.0))))
    assert [(r.rank, r.symbol) for r in recs] == [(1, "BBB"), (2, "CCC")]
    assert [(s.symbol, s.outcome) for s in signals] == [("AAA", "outranked"), ("BBB", "recommended"), ("CCC", "recommended")]


@pytest.mark.parametrize(
    ("row", "changes", "ts", "outcome"),
    [
        ({"flags": CandleFlag.GAP}, {}, T, "gap_candle"),
        ({"flags": CandleFlag.PARTIAL}, {}, T, "partial_candle"),
        ({"cold": ("vwap",)}, {}, T, "not_warm"),
        ({"high": 106.0}, {}, T, "shock_bar"),
        ({}, {"min_score": 0.99}, T, "low_score"),
        ({}, {}, at("15:01"), "too_late"),
        ({}, {}, at("09:10"), "out_of_session"),
    ],
)
def test_rules_stop_with_their_code(row, changes, ts, outcome):
    (signal,), recs = crossed(make(**changes), {"sid": 0} | row, ts=ts)
    assert (signal.outcome, recs) == (outcome, [])


def test_five_minutes_must_agree():
    state = make()
    take(state, T - 120_000, {"sid": 0, "timeframe": 5, "close": 99.0, "ema_9": 99.0, "ema_21": 100.0})
    (signal,), _ = crossed(state)
    assert signal.outcome == "against_5m"


def test_a_symbol_rests_after_a_recommendation():
    state = make()
    crossed(state)
    back = UP | {"sid": 0, "close": 100.2}
    take(state, T + 60_000, back)
    (signal,), _ = take(state, T + 120_000, UP | {"sid": 0})
    assert signal.outcome == "cooldown"
    take(state, T + 240_000, back)
    (signal,), recs = take(state, T + 300_000, UP | {"sid": 0})
    assert (signal.outcome, len(recs)) == ("recommended", 1)


def test_an_open_recommendation_stops_the_other_side():
    state = make(cooldown_s=0)
    crossed(state)
    (signal,), _ = take(state, T + 59_000, DOWN | {"sid": 0, "ts": T})
    assert (signal.side, signal.outcome) == (Side.SELL, "conflict")


def test_history_warms_without_firing():
    state = make()
    assert crossed(state, {"sid": 0, "flags": CandleFlag.HISTORY}) == ([], [])
    assert [memory["sign"] for memory in state.memories.values()] == [1.0]


def test_a_repaired_candle_that_is_told_for_the_first_time_is_decided_on():
    (signal,), (proposal,) = crossed(make(), {"sid": 0, "flags": CandleFlag.REVISED})
    assert (signal.outcome, proposal.symbol) == ("recommended", "AAA")


@pytest.mark.parametrize("flags", [0, int(CandleFlag.REVISED)])
def test_a_candle_is_decided_on_once(flags):
    """Told again, with other values or the same, it brings no signal and no memory; nor does an older one that comes after it."""
    state = make(cooldown_s=0)
    crossed(state)
    memories = {key: dict(memory) for key, memory in state.memories.items()}
    again = [DOWN | {"sid": 0, "flags": flags, "ts": T - minutes * 60_000} for minutes in (3, 2, 1)]
    assert take(state, T + 1000, *again, UP | {"sid": 0, "ts": T - 60_000}) == ([], [])
    assert state.memories == memories
    (signal,), _ = take(state, T + 60_000, DOWN | {"sid": 0})
    assert signal.side == Side.SELL


def test_a_new_candle_behind_one_that_is_told_again_is_decided_on():
    state = make()
    take(state, T - 60_000, DOWN | {"sid": 0})
    (signal,), _ = take(state, T, DOWN | {"sid": 0, "flags": CandleFlag.REVISED, "ts": T - 120_000}, UP | {"sid": 0})
    assert (signal.ts_candle, signal.outcome) == (T - 60_000, "recommended")


def test_what_a_repair_brings_too_late_is_seen_and_not_recommended():
    """Minutes of a hole come together, oldest first: each is asked about, none is bought at a price of long ago."""
    state = make()
    old = [DOWN | {"sid": 0, "ts": T - 600_000}, UP | {"sid": 0, "ts": T - 540_000}]
    (signal,), recommended = take(state, T, *({"flags": CandleFlag.REVISED} | row for row in old))
    assert (signal.outcome, signal.ts_candle, recommended) == ("stale_candle", T - 540_000, [])


def test_the_newest_five_minutes_told_again_bring_the_trend_up_to_date():
    state = make()
    row = {"sid": 0, "timeframe": 5, "close": 99.0, "ema_9": 99.0, "ema_21": 100.0, "adx_14": 30.0, "atr_14": 0.5, "bollinger_width": 0.01}
    take(state, T - 120_000, row)
    before = dict(state.regimes)
    older, newest = row | {"ts": T - 720_000, "ema_9": 101.0}, row | {"flags": CandleFlag.REVISED, "ema_9": 101.0}
    take(state, T - 119_000, older)
    assert state.trend_5m == {"AAA": -1}
    take(state, T - 118_000, newest)
    assert state.trend_5m == {"AAA": 1}
    assert state.regimes == before, "one candle is observed once"


def test_cold_needs_are_not_asked():
    state = make()
    assert crossed(state, {"sid": 0, "cold": ("ema_21",)}) == ([], [])


def test_regimes_of_papers_and_market():
    state = make()
    row = {"sid": 0, "timeframe": 5, "close": 100.0, "ema_9": 1.0, "ema_21": 2.0, "adx_14": 30.0, "atr_14": 0.5, "bollinger_width": 0.01}
    changes = list(step(state, wave(T, row), T))
    assert [(c.symbol, c.regime) for c in changes if isinstance(c, RegimeChange)] == [("AAA", "trending"), ("market", "trending")]
    assert list(step(state, wave(T + 300_000, row), T + 300_000)) == []
    (signal,), _ = crossed(state, ts=T + 420_000)
    assert signal.outcome == "against_5m"
    assert signal.regime == "trending"


def test_expiry_ends_with_entries():
    _, (r,) = crossed(make(), ts=at("14:59:30"))
    assert r.expires_ms == at("15:00")


def test_prices_lie_on_ticks_and_a_stop_keeps_its_distance():
    p = price(Side.SELL, 100.0, 0.01, PAPERS[0], PARAMS)
    assert (p.ref, p.limit, p.stop, p.target) == (100_00, 99_95, 100_20, 99_80)
    assert price(Side.BUY, 0.05, 5.0, PAPERS[0], PARAMS) is None


def test_unknown_strategies_and_parameters_are_refused_with_the_nearest_name():
    with pytest.raises(Refused, match="ema_momentum"):
        make(strategies=("ema_momentun",))
    with pytest.raises(Refused, match="fresh_bars"):
        make(strategy_params=(("ema_momentum", (("fresh_bar", 2.0),)),))
    with pytest.raises(Refused, match="ema_momentum"):
        make(strategy_params=(("ema_momentm", ()),))


def test_a_dump_restores_the_same_filter():
    state = make()
    crossed(state)
    twin = make()
    twin.restore(json.loads(json.dumps(state.dump())))
    assert twin == state
