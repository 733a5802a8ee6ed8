"""Parameters of the pure half, as frozen values.

``run/settings.py`` fills them from TOML; nothing here reads a file. No field that can lose money has a default.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TickParams:
    window: int
    """Rows of the rolling window of each symbol (300)."""
    vwap_s: int
    """Seconds of the rolling VWAP."""
    vwap_fast: int
    """Ticks of the fast average of VWAP, for the crossover."""
    vwap_slow: int
    liquid_spread_bps: float
    """At or below: liquid; above ``liquid_spread_bps * hysteresis``: not."""
    volatile_bps: float
    """Standard deviation of tick returns over the window, in bps: at or above is volatile."""
    hysteresis: float
    iv_window_s: int
    """Implied volatility is compared with its value so many seconds ago."""
    iv_jump_ratio: float
    """A change of implied volatility of this part, up or down, within the window is a jump (0.2)."""
    series_interval_ms: int
    """At most one sample per metric series in this many milliseconds of event time."""
    ltp_interval_ms: int


@dataclass(frozen=True, slots=True)
class CandleParams:
    grace_ms: int
    """A minute closes when the feed's clock is this far past its end."""
    gap_silence_ms: int
    """No frame for this long in continuous trading marks a gap."""


@dataclass(frozen=True, slots=True)
class FilterParams:
    strategies: tuple[str, ...]
    min_score: float
    top: int
    """At most this many recommendations per wave."""
    expiry_s: int
    """Seconds a recommendation may be confirmed."""
    max_spread_bps: float
    """Of the live quote at the moment of the answer; wider: denied (engine/risk.py)."""
    cooldown_s: int
    """Seconds before the same symbol may be recommended again."""
    strategy_params: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    """Per strategy, its parameters by name."""


@dataclass(frozen=True, slots=True)
class RiskParams:
    """What engine/risk.py holds every order against. Ratios are of the capital unless said otherwise."""

    capital_paise: int
    risk_per_trade: float
    """Lost, at most, when the stop is hit."""
    max_position_ratio: float
    max_order_ratio: float
    max_positions: int
    max_leverage: float
    """Gross exposure over capital: longs and shorts added up."""
    max_net_leverage: float
    """Net exposure over capital: longs less shorts."""
    margin_ratio: float
    """Part of an intraday order's value that the broker asks as margin."""
    daily_loss_stop_ratio: float
    daily_loss_alert_ratio: float
    """A loss of this part of the capital is said in the portfolio; nothing is stopped by it."""
    drawdown_stop_ratio: float
    max_losses_in_row: int
    min_gap_s: int
    max_orders_per_minute: int
    max_orders_per_hour: int
    max_orders_per_day: int
    max_drift_bps: float
    """Confirmed later than this far from the signal's price: denied."""
    max_ltp_distance_bps: float
    """Of the limit from the last trade."""
    max_quote_distance_bps: float
    """Of the limit beyond the price at which it could trade at once."""
    price_band_ratio: float
    """Of yesterday's close: beyond it the exchange takes no order."""
    max_order_qty: int
    max_depth_ratio: float
    """Of the shares displayed on the side we would take."""
    max_volume_ratio: float
    """Of the shares traded today."""
    max_quote_age_ms: int
    max_feed_age_ms: int
    """No frame of any paper for this long."""
    max_clock_skew_ms: int
    """Between this machine's clock and the exchange's."""
    max_reconcile_age_s: int
    """Since our books last agreed with the broker's."""
    min_token_life_s: int
    max_facts_age_s: int
    """Token, versions, clocks, funds: what was looked up longer ago is not known."""
    symbols: tuple[str, ...]
    """What may be traded; empty: the whole watchlist."""
    banned: tuple[str, ...]
    """What may not, whatever else is said: the exchange's ban list of the day, and one's own."""
    plan: str
    """Of Upstox, ``normal`` or ``plus``, as said in [feed]: how high brokerage can be."""


@dataclass(frozen=True, slots=True)
class StopParams:
    """Where stop and target of an entry lie, and how the stop follows."""

    profile: str
    """``atr``: by the paper's own movement; ``fixed``: by a part of the price."""
    stop_atr: float
    target_atr: float
    trail_atr: float
    """The stop follows the best price at this distance; 0: it stays."""
    stop_ratio: float
    target_ratio: float
    trail_ratio: float
    trail_step_bps: float
    """The stop is moved when it would move at least so far ..."""
    trail_every_s: float
    """... and not sooner than this after it was moved last: each change is an order call."""
    exits: str
    """``stop``: a stop at the exchange, the target watched here; ``pair``: a stop at the exchange that becomes the limit at the target;
    ``gtt``: entry, target and stop kept by the broker's server."""
    near_bps: float
    """So near its target the order of a pair turns from stop to limit, and back twice as far from it."""


@dataclass(frozen=True, slots=True)
class RolloutParams:
    """Going live by steps: small money and few papers first."""

    stage: int
    """0 off; 1 the first of ``symbols``; 2 the first three."""
    since: str
    """The date on which stage 1 began; empty while the stage is 0."""
    days: int
    """How long stage 1 lasts at least."""
    symbols: tuple[str, ...]
    position_ratio: float
    """Of the capital in one paper, instead of the larger one of the limits."""


@dataclass(frozen=True, slots=True)
class OrderParams:
    confirm: str
    """``ask`` (terminal or page) or ``auto`` (headless, paper only)."""
    auto_delay_ms: int
    paper_latency_ms: int
    slippage_bps: float
    max_hold_s: int
    """A position older than this is closed; 0 never."""
    entry_timeout_s: int
    """An entry not filled by then is cancelled."""
    square_off_cas: str
    """IST clock time for stocks that go into the closing auction (``15:05``)."""
    square_off: str
    no_entry_after: str
    reply_s: float
    """An answer of the broker that has not come by then never will."""
    settle_s: float
    """An order that nobody answered for, and that a complete book does not show after this time, is not there."""
    beat_s: float
    """Order book, trades and positions are read this often."""
    stop_grace_s: float
    """The price may stand beyond a stop at the broker for so long before we close ourselves."""
    adopt_stop_bps: float
    """Stop of a position whose entry we find on the book without knowing its plan."""
    close_tries: int
    """Closing orders that may fail before the broker is asked to exit the position itself."""
    rung_s: float
    """How long closing orders may take before the broker is asked, and the broker before somebody is called."""
    refused_alarm: int
    """A stop, or a change that it needs, refused so often in a row: somebody is told."""
    guard_tries: int
    """Refused so often in a row: the position is closed."""
    guard_s: float
    """So long after the first refusal, with no stop at the broker, it is closed too."""


@dataclass(frozen=True, slots=True)
class Params:
    ticks: TickParams
    candles: CandleParams
    filter: FilterParams
    risk: RiskParams
    """As they count today: an active roll-out has tightened them."""
    orders: OrderParams
    stops: StopParams
    rollout: RolloutParams
