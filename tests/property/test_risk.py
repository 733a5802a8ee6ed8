"""No accepted order breaks a limit once it has filled at its worst, whatever limits and account are drawn."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.types import Side
from pipeline.engine.matching import Quote
from pipeline.engine.risk import deny
from tests.fakes.gates import NOW, exit_gate, exit_intent, gate
from tests.fakes.trading import PARAMS

ratios = st.floats(0.001, 1.0)
paise = st.integers(0, 200_000_000)
LIMITS = st.builds(
    replace,
    st.just(PARAMS.risk),
    risk_per_trade=ratios,
    max_position_ratio=ratios,
    max_order_ratio=ratios,
    max_positions=st.integers(1, 5),
    max_leverage=st.floats(1.0, 3.0),
    max_net_leverage=st.floats(0.1, 3.0),
    margin_ratio=ratios,
    daily_loss_stop_ratio=ratios,
    drawdown_stop_ratio=ratios,
    max_losses_in_row=st.integers(1, 9),
    max_order_qty=st.integers(1, 5_000),
    max_depth_ratio=st.floats(0.1, 2.0),
    max_volume_ratio=ratios,
    price_band_ratio=st.floats(0.01, 0.2),
    max_ltp_distance_bps=st.floats(1, 500),
    max_orders_per_minute=st.integers(1, 20),
    max_orders_per_day=st.integers(1, 50),
)
ACCOUNTS = st.fixed_dictionaries(
    {
        "open_symbols": st.integers(0, 5),
        "symbol_paise": paise,
        "exposure_paise": paise,
        "net_exposure_paise": st.integers(-200_000_000, 200_000_000),
        "open_risk_paise": st.integers(0, 50_000_000),
        "sent_last_minute": st.integers(0, 20),
        "sent_today": st.integers(0, 60),
        "losses_in_row": st.integers(0, 9),
        "net_paise": st.integers(-60_000_000, 60_000_000),
        "drawdown_paise": st.integers(0, 60_000_000),
    }
)


@settings(max_examples=400, deadline=None)
@given(
    LIMITS,
    st.one_of(st.just({}), ACCOUNTS),
    st.sampled_from(list(Side)),
    st.integers(1, 6_000),
    st.integers(-40, 40),
    st.integers(-60, 60),
    st.tuples(st.integers(0, 9_000), st.integers(0, 9_000), st.integers(0, 3_000_000), st.integers(0, 200_000_000)),
)
def test_no_limit_is_broken_after_the_worst_fill(limits, account, side, qty, limit_ticks, stop_ticks, market):
    bid_depth, ask_depth, volume, margin = market
    limit, stop = 100_00 + 5 * limit_ticks, 100_00 + 5 * stop_ticks
    tried = gate(
        side,
        limits=limits,
        intent__qty=qty,
        intent__limit_paise=limit,
        intent__stop_paise=stop,
        intent__target_paise=0,
        intent__worst_loss_paise=0,
        market__bid_depth_qty=bid_depth,
        market__ask_depth_qty=ask_depth,
        market__volume=volume,
        conditions__margin_paise=margin,
        **{f"activity__{name}": value for name, value in account.items()},
    )
    if deny(tried) is not None:
        return
    a, value, lost = tried.activity, qty * limit, qty * (limit - stop) * side.sign
    capital = limits.capital_paise
    assert lost > 0
    assert lost <= capital * limits.risk_per_trade
    assert value <= capital * limits.max_order_ratio
    assert a.symbol_paise + value <= capital * limits.max_position_ratio
    assert a.exposure_paise + value <= capital * limits.max_leverage
    assert abs(a.net_exposure_paise + side.sign * value) <= capital * limits.max_net_leverage
    assert a.open_symbols + 1 <= limits.max_positions
    assert -(a.net_paise - a.open_risk_paise - lost) <= capital * limits.daily_loss_stop_ratio
    assert a.drawdown_paise + a.open_risk_paise + lost <= capital * limits.drawdown_stop_ratio
    assert a.losses_in_row + 1 <= limits.max_losses_in_row
    assert a.sent_last_minute + 1 <= limits.max_orders_per_minute
    assert a.sent_today + 2 <= limits.max_orders_per_day
    assert round(value * limits.margin_ratio) <= margin
    assert qty <= min(limits.max_order_qty, (ask_depth if side is Side.BUY else bid_depth) * limits.max_depth_ratio)
    assert volume == 0 or qty <= volume * limits.max_volume_ratio
    assert abs(limit - 100_00) <= 100_00 * limits.price_band_ratio
    assert abs(limit - 100_00) * 10_000 <= limits.max_ltp_distance_bps * 100_00


@settings(max_examples=300, deadline=None)
@given(st.integers(-300, 300), st.integers(0, 300), st.integers(0, 400), st.sampled_from(list(Side)))
def test_an_exit_that_passes_never_reverses(held, pending, qty, side):
    intent = replace(exit_intent(side), qty=qty)
    if deny(exit_gate(intent=intent, activity__position_qty=held, activity__pending_close_qty=pending)) is None:
        assert held != 0
        left = abs(held) - pending
        assert 0 < qty <= left
        assert side.sign * held < 0


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 20_000), st.integers(90_00, 110_00), st.integers(90_00, 110_00), st.integers(0, 20_000))
def test_nothing_goes_out_on_old_knowledge(quote_age, bid, ask, feed_age):
    tried = gate(market__quote=Quote(NOW - quote_age, bid, 10, ask, 10, 100_00), market__feed_ts=NOW - feed_age)
    if deny(tried) is None:
        assert quote_age <= PARAMS.risk.max_quote_age_ms
        assert feed_age <= PARAMS.risk.max_feed_age_ms
        assert bid <= ask
