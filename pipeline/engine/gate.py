"""Everything the pre-trade checks may look at, as of one instant.

Reads   nothing; whoever sends orders fills it (engine/facts.py for the desk)
Writes  frozen records; money in paise, times in epoch milliseconds

``Conditions`` is what only the world knows: state, token, clocks, the broker's book, its margin, the room in the rate
buckets. The paper venue has no token, no other clock and no other book: :func:`paper_conditions` says so in one place.
No field has a default: what is not known must be said (None), and stops entries.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.frozen import quick
from pipeline.core.params import RiskParams
from pipeline.core.session import Phase
from pipeline.core.trading import TradingState
from pipeline.core.types import Instrument, OrderIntent, Recommendation
from pipeline.engine.quotes import Market

FOR_EVER_MS = 1 << 60


@quick
@dataclass(frozen=True, slots=True)
class Conditions:
    """The state of the house and of the road to the broker."""

    state: TradingState
    is_flattening: bool
    """The halt was ordered together with the closing of all positions."""
    token_left_ms: int | None
    """Until the token dies; 0 or less: it has."""
    are_versions_equal: bool | None
    """Every process of this run bears our version."""
    clock_skew_ms: int | None
    """Our clock less the exchange's."""
    reconciled_ms: int
    """When our books last agreed with the broker's; 0 never."""
    is_settled: bool
    """Whatever a lost memory of ours may have sent has arrived by now."""
    is_master_of_today: bool | None
    """Lots, ticks and freeze quantities come from today's instrument file."""
    margin_paise: int | None
    """What the broker still lends."""
    order_room: int
    """Orders that the rate buckets let us send now, at this order's urgency."""


@quick
@dataclass(frozen=True, slots=True)
class Activity:
    """What has been sent today, and what is open now. Live entries count as if they had filled."""

    open_symbols: int
    """Symbols with a position or an entry that may be at the exchange."""
    position_qty: int
    """Of this symbol, signed."""
    pending_close_qty: int
    """Shares of this symbol that are already on their way to be closed."""
    is_symbol_busy: bool
    """A position or a live order of ours in this symbol."""
    is_held_by_hand: bool
    """People hold this symbol beside us."""
    has_unknown: bool
    """An order in this symbol whose outcome nobody knows."""
    has_opposite: bool
    """A resting order of ours on the other side of this symbol."""
    symbol_paise: int
    """Worth of positions and live entries in this symbol."""
    exposure_paise: int
    """The same of all symbols, longs and shorts added."""
    net_exposure_paise: int
    """Longs less shorts."""
    open_risk_paise: int
    """Lost from here when every stop is hit."""
    last_sent_ms: int
    """Of this symbol; 0 never."""
    sent_last_minute: int
    sent_last_hour: int
    sent_today: int
    is_repeat: bool
    """This cause has been acted on already."""
    losses_in_row: int
    net_paise: int
    """Profit of the day: realised and marked, less charges, ours and by hand as it counts (engine/tally.py)."""
    drawdown_paise: int
    """From the day's peak."""
    fall_paise: int
    """From the peak of all days."""
    peak_paise: int
    """Profit of the account at that peak, over all its days."""


@quick
@dataclass(frozen=True, slots=True)
class Gate:
    """One order before the checks."""

    now: int
    intent: OrderIntent
    recommendation: Recommendation | None
    """None for an exit."""
    instrument: Instrument
    market: Market
    phase: Phase
    no_entry_ms: int
    activity: Activity
    conditions: Conditions
    max_spread_bps: float
    limits: RiskParams


def paper_conditions(state: TradingState, now: int, margin_paise: int, *, is_flattening: bool = False) -> Conditions:
    """Give the conditions of the paper venue: its book is ours, its clock is the feed's, it counts no orders."""
    return Conditions(
        state=state,
        is_flattening=is_flattening,
        token_left_ms=FOR_EVER_MS,
        are_versions_equal=True,
        clock_skew_ms=0,
        reconciled_ms=now,
        is_settled=True,
        is_master_of_today=True,
        margin_paise=margin_paise,
        order_room=FOR_EVER_MS,
    )
