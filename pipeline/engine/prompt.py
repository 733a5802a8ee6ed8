"""The text of the confirmation prompt, and what an answer means.

Reads   Recommendation, its Terms (by the functions that the order will use), the live quote, now, Instrument
Writes  Terms; lines of plain text; ``confirm``, ``reject`` or None

Every number that can cost money is on the screen before the answer: quantity, limit, stop, worst-case loss, charges,
margin, spread, drift since the signal and its limit, seconds left. Never prints, never waits, never assumes a yes.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.charges import Product, charges_for
from pipeline.core.money import rupees
from pipeline.core.params import RiskParams
from pipeline.core.rates import Plan
from pipeline.core.session import ist_clock, ist_date
from pipeline.core.types import Instrument, OrderIntent, Recommendation, Side
from pipeline.engine.matching import Quote
from pipeline.engine.portfolio import product_of
from pipeline.engine.sizing import entry_qty, worst_loss_paise

_YES = frozenset({"y", "yes", "confirm", "ok"})
_NO = frozenset({"n", "no", "reject"})
MODEL, BROKER = "our model", "the broker"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a yes would mean: shares, and money at stake in paise."""

    qty: int
    worst_loss_paise: int
    charges_paise: int
    """Of the round trip, about."""
    margin_paise: int
    """Bound while the position is open, about."""
    max_drift_bps: float
    """With the price farther than this from the signal's, a yes is denied."""
    charges_by: str = MODEL
    margin_by: str = MODEL
    """Whose figures those are."""


def terms_of(r: Recommendation, instrument: Instrument, risk: RiskParams, intent: OrderIntent | None = None) -> Terms:
    """Size a proposal as the order process will; once there is an intent, its own figures count."""
    qty = entry_qty(r.limit_paise, r.stop_paise, instrument, risk) if intent is None else intent.qty
    loss = worst_loss_paise(qty, r.limit_paise, r.stop_paise) if intent is None else intent.worst_loss_paise
    charges = round_trip_charges_paise(r, qty, product_of(instrument), Plan(risk.plan))
    return Terms(qty, loss, charges, round(qty * r.limit_paise * risk.margin_ratio), risk.max_drift_bps)


def prompt_lines(recommendation: Recommendation, terms: Terms, quote: Quote | None, now: int, instrument: Instrument) -> list[str]:
    """Compose the prompt."""
    r, qty = recommendation, terms.qty
    left = max(0, (r.expires_ms - now) // 1000)
    loss, charges, margin = (rupees(paise) for paise in (terms.worst_loss_paise, terms.charges_paise, terms.margin_paise))
    at_stake = f"  worst-case loss {loss} plus charges of about {charges} for the round trip (a gap can cost more)"
    whose = (
        f"by {terms.margin_by}" if terms.margin_by == terms.charges_by else f"charges by {terms.charges_by}, margin by {terms.margin_by}"
    )
    head = f"{r.side.value} {qty} {r.symbol} ({instrument.name}) at limit {rupees(r.limit_paise)}"
    return [
        f"{head}    rank {r.rank}, score {r.score:.2f}, {r.regime}",
        f"  stop {rupees(r.stop_paise)}   target {rupees(r.target_paise)}   value {rupees(qty * r.limit_paise)}",
        f"{at_stake}; margin about {margin} ({whose})",
        f"  {_quote_line(r, quote, now, terms.max_drift_bps)}",
        f"  why: {r.reasons} [{r.strategy}, {r.timeframe} candle of {ist_clock(r.ts_candle)}]",
        f"  expires {ist_clock(r.expires_ms)}, {left} s left. Confirm? [y/n]",
    ]


def parse_answer(text: str) -> str | None:
    """Read an answer; anything but a clear yes or no is None, and nothing happens."""
    word = text.strip().lower()
    if word in _YES:
        return "confirm"
    return "reject" if word in _NO else None


def round_trip_charges_paise(recommendation: Recommendation, qty: int, product: Product, plan: Plan) -> int:
    """Estimate all charges of entering at the limit and leaving at the target."""
    r = recommendation
    legs = (qty * r.limit_paise, qty * (r.target_paise or r.limit_paise))
    bought, sold = legs if r.side is Side.BUY else legs[::-1]
    date_iso = ist_date(r.ts)
    return round(sum(charges_for(product, legs, 1, date_iso, plan).exact for legs in ((bought, 0), (0, sold))))


def _quote_line(r: Recommendation, quote: Quote | None, now: int, max_drift_bps: float) -> str:
    if quote is None or quote.bid_paise <= 0 or quote.ask_paise <= 0:
        return "no two-sided quote: the order would be denied now"
    spread = quote.ask_paise - quote.bid_paise
    bps = spread * 20_000 / (quote.ask_paise + quote.bid_paise)
    drift = (quote.ltp_paise - r.ref_paise) * 10_000 / r.ref_paise if r.ref_paise > 0 else 0.0
    limit = f"at most {max_drift_bps:g}" if abs(drift) <= max_drift_bps else f"more than {max_drift_bps:g}: the order would be denied now"
    return (
        f"bid {rupees(quote.bid_paise)}  ask {rupees(quote.ask_paise)}  spread {rupees(spread)} ({bps:.1f} bps)  "
        f"last {rupees(quote.ltp_paise)} ({drift:+.1f} bps since the signal, {limit})  quote {max(0, now - quote.ts) / 1000:.1f} s old"
    )
