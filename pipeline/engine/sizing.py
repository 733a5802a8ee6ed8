"""How many shares: risk per trade over the distance to the stop, capped by the size of a position, in whole lots.

Reads   limit and stop in paise, the instrument's lot and freeze quantity, the limits of risk.toml
Writes  shares; worst-case loss in paise. The prompt, the page and the order use these same two functions

Worst case is meant as: filled at the limit, stopped at the stop. A gap through the stop can cost more.
"""

from __future__ import annotations

from pipeline.core.money import whole_lots
from pipeline.core.params import RiskParams
from pipeline.core.types import Instrument


def entry_qty(limit_paise: int, stop_paise: int, instrument: Instrument, risk: RiskParams) -> int:
    """Size an entry; 0 when not even one lot fits the limits.

    The loss at the stop is at most ``risk_per_trade`` of the capital, the cost at the limit at most
    ``max_position_ratio`` and ``max_order_ratio`` of it, the order at most ``max_order_qty`` and one freeze quantity.
    """
    distance = abs(limit_paise - stop_paise)
    if distance == 0 or limit_paise <= 0:
        return 0
    by_risk = int(risk.capital_paise * risk.risk_per_trade) // distance
    by_position = int(risk.capital_paise * min(risk.max_position_ratio, risk.max_order_ratio)) // limit_paise
    shares = min(by_risk, by_position, risk.max_order_qty)
    if instrument.freeze_qty > 0:
        shares = min(shares, instrument.freeze_qty)
    return whole_lots(shares, instrument.lot_size)


def worst_loss_paise(qty: int, limit_paise: int, stop_paise: int) -> int:
    """Loss before charges when the entry fills at its limit and the stop at its price."""
    return qty * abs(limit_paise - stop_paise)
