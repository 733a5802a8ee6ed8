"""The text of the confirmation prompt, and what an answer means.

Reads   Recommendation, quantity (from sizing.entry_qty, as the order will use), the live quote, now, Instrument
Writes  lines of plain text; ``confirm``, ``reject`` or None

Every number that can cost money is on the screen before the answer: quantity, limit, stop, worst-case loss,
charges, spread, seconds left. Never prints, never waits, never assumes a yes.
"""

from __future__ import annotations

from pipeline.core.charges import Product, charges_for
from pipeline.core.money import rupees
from pipeline.core.session import ist_clock, ist_date
from pipeline.core.types import Instrument, Recommendation, Side
from pipeline.engine.matching import Quote
from pipeline.engine.portfolio import product_of
from pipeline.engine.sizing import worst_loss_paise

_YES = frozenset({"y", "yes", "confirm", "ok"})
_NO = frozenset({"n", "no", "reject"})


def prompt_lines(recommendation: Recommendation, qty: int, quote: Quote | None, now: int, instrument: Instrument) -> list[str]:
    """Compose the prompt."""
    r = recommendation
    loss = worst_loss_paise(qty, r.limit_paise, r.stop_paise)
    charges = round_trip_charges_paise(r, qty, product_of(instrument))
    left = max(0, (r.expires_ms - now) // 1000)
    head = f"{r.side.value} {qty} {r.symbol} ({instrument.name}) at limit {rupees(r.limit_paise)}"
    return [
        f"{head}    rank {r.rank}, score {r.score:.2f}, {r.regime}",
        f"  stop {rupees(r.stop_paise)}   target {rupees(r.target_paise)}   value {rupees(qty * r.limit_paise)}",
        f"  worst-case loss {rupees(loss)} plus charges of about {rupees(charges)} for the round trip (a gap can cost more)",
        f"  {_quote_line(r, quote, now)}",
        f"  why: {r.reasons} [{r.strategy}, {r.timeframe} candle of {ist_clock(r.ts_candle)}]",
        f"  expires {ist_clock(r.expires_ms)}, {left} s left. Confirm? [y/n]",
    ]


def parse_answer(text: str) -> str | None:
    """Read an answer; anything but a clear yes or no is None, and nothing happens."""
    word = text.strip().lower()
    if word in _YES:
        return "confirm"
    return "reject" if word in _NO else None


def round_trip_charges_paise(recommendation: Recommendation, qty: int, product: Product = Product.INTRADAY) -> int:
    """Estimate all charges of entering at the limit and leaving at the target."""
    r = recommendation
    legs = (qty * r.limit_paise, qty * (r.target_paise or r.limit_paise))
    bought, sold = legs if r.side is Side.BUY else legs[::-1]
    date_iso = ist_date(r.ts)
    return round(charges_for(product, (bought, 0), 1, date_iso).exact + charges_for(product, (0, sold), 1, date_iso).exact)


def _quote_line(r: Recommendation, quote: Quote | None, now: int) -> str:
    if quote is None or quote.bid_paise <= 0 or quote.ask_paise <= 0:
        return "no two-sided quote: the order would be denied now"
    spread = quote.ask_paise - quote.bid_paise
    bps = spread * 20_000 / (quote.ask_paise + quote.bid_paise)
    drift = (quote.ltp_paise - r.ref_paise) * 10_000 / r.ref_paise if r.ref_paise > 0 else 0.0
    return (
        f"bid {rupees(quote.bid_paise)}  ask {rupees(quote.ask_paise)}  spread {rupees(spread)} ({bps:.1f} bps)  "
        f"last {rupees(quote.ltp_paise)} ({drift:+.1f} bps since the signal)  quote {max(0, now - quote.ts) / 1000:.1f} s old"
    )
