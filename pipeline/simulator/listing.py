"""The papers the simulator knows: the 15 default symbols, two indices, and any other name from the seed.

Reads   watch rows
Writes  listings, and instrument master rows in Upstox's shape (``tick_size`` in paise)
Base prices and turnovers are invented, of the right size; names, keys and tokens are the real ones, so that
a watchlist made for the simulator also works against the live service. Never reads a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.random import PCG64, Generator

from pipeline.core.money import nse_tick_paise
from pipeline.core.session import Group
from pipeline.core.watchlist import WatchEntry

CAS_FROM = "2026-08-03"
"""First day of the closing auction."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One paper. ``base_px`` in rupees, ``turnover_cr`` in crore rupees a day."""

    key: str
    symbol: str
    name: str
    token: str
    base_px: float
    turnover_cr: float
    is_cas: bool = True
    is_index: bool = False
    tick_paise: int = 0
    """0: by the price band of the day."""
    lot_size: int = 1
    freeze_qty: int = 100_000

    @property
    def segment(self) -> str:
        return self.key.partition("|")[0]

    def group(self, date_iso: str) -> Group:
        """Which clock this paper follows on a day."""
        if self.is_index:
            return Group.INDEX
        if self.segment == "NSE_FO":
            return Group.FO
        return Group.EQ_CAS if self.is_cas and date_iso >= CAS_FROM else Group.EQ


# symbol, ISIN, token, base price, turnover, name
_DEFAULTS = (
    ("RELIANCE", "INE002A01018", "2885", 1412.0, 1700.0, "RELIANCE INDUSTRIES LTD"),
    ("TCS", "INE467B01029", "11536", 3050.0, 900.0, "TATA CONSULTANCY SERV LT"),
    ("HDFCBANK", "INE040A01034", "1333", 985.0, 2200.0, "HDFC BANK LTD"),
    ("INFY", "INE009A01021", "1594", 1540.0, 1100.0, "INFOSYS LIMITED"),
    ("ICICIBANK", "INE090A01021", "4963", 1385.0, 1800.0, "ICICI BANK LTD."),
    ("SBIN", "INE062A01020", "3045", 905.0, 1100.0, "STATE BANK OF INDIA"),
    ("BHARTIARTL", "INE397D01024", "10604", 2050.0, 1200.0, "BHARTI AIRTEL LIMITED"),
    ("ITC", "INE154A01025", "1660", 412.0, 600.0, "ITC LTD"),
    ("LT", "INE018A01030", "11483", 3820.0, 800.0, "LARSEN & TOUBRO LTD."),
    ("AXISBANK", "INE238A01034", "5900", 1240.0, 900.0, "AXIS BANK LIMITED"),
    ("HINDUNILVR", "INE030A01027", "1394", 2460.0, 500.0, "HINDUSTAN UNILEVER LTD."),
    ("MARUTI", "INE585B01010", "10999", 15350.0, 700.0, "MARUTI SUZUKI INDIA LTD."),
    ("BAJFINANCE", "INE296A01032", "317", 1015.0, 900.0, "BAJAJ FINANCE LIMITED"),
    ("SUNPHARMA", "INE044A01036", "3351", 1760.0, 600.0, "SUN PHARMACEUTICAL IND L"),
    ("TITAN", "INE280A01028", "3506", 3790.0, 550.0, "TITAN COMPANY LIMITED"),
)
_INDICES = (
    ("NIFTY 50", "NSE_INDEX|Nifty 50", "26000", 25010.0, "Nifty 50"),
    ("NIFTY BANK", "NSE_INDEX|Nifty Bank", "26009", 55800.0, "Nifty Bank"),
)

DEFAULT_LISTINGS: tuple[Listing, ...] = tuple(
    Listing(f"NSE_EQ|{isin}", s, name, token, px, cr) for s, isin, token, px, cr, name in _DEFAULTS
)
INDEX_LISTINGS: tuple[Listing, ...] = tuple(
    Listing(key, s, name, token, px, 0.0, is_cas=False, is_index=True, tick_paise=5) for s, key, token, px, name in _INDICES
)


def rng(*parts: object) -> Generator:
    """Give the random stream that belongs to a text: the same in every process."""
    text = "|".join(str(p) for p in parts)
    return Generator(PCG64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")))


def listings_for(watch: Sequence[WatchEntry]) -> tuple[Listing, ...]:
    """Find, or invent, the papers of a watchlist; an empty one gives the 15 default symbols."""
    known = {item.key: item for item in (*DEFAULT_LISTINGS, *INDEX_LISTINGS)}
    return tuple(known.get(row.instrument_key) or _invent(row) for row in watch) or DEFAULT_LISTINGS


def _invent(row: WatchEntry) -> Listing:
    draw = rng("listing", row.instrument_key)
    is_index = row.instrument_key.startswith(("NSE_INDEX|", "BSE_INDEX|"))
    base = float(round(draw.uniform(9_000, 60_000) if is_index else draw.lognormal(6.5, 0.9) + 20, 1))
    token = str(int(draw.integers(30_000, 60_000)))
    return Listing(row.instrument_key, row.symbol, row.name or row.symbol, token, base, 300.0, is_cas=False, is_index=is_index)


def tick_paise(listing: Listing, date_iso: str) -> int:
    """Give the price step of the day, as the morning's instrument file says it."""
    return listing.tick_paise or nse_tick_paise(round(listing.base_px * 100), date_iso)


def master_row(listing: Listing, date_iso: str) -> dict[str, Any]:
    """One row of the daily instrument file, fields as Upstox serves them."""
    row: dict[str, Any] = {
        "segment": listing.segment,
        "name": listing.name,
        "exchange": listing.segment.partition("_")[0],
        "instrument_type": "INDEX" if listing.is_index else "EQ",
        "instrument_key": listing.key,
        "exchange_token": listing.token,
        "trading_symbol": listing.symbol,
    }
    if listing.is_index:
        return row
    row |= {
        "isin": listing.key.partition("|")[2],
        "lot_size": listing.lot_size,
        "freeze_quantity": float(listing.freeze_qty),
        "tick_size": float(tick_paise(listing, date_iso)),
        "qty_multiplier": 1.0,
        "security_type": "NORMAL",
    }
    return row | ({"cas_eligible": True} if listing.is_cas and date_iso >= CAS_FROM else {})


def sample_instruments(date_iso: str = "2026-11-20") -> list[dict[str, Any]]:
    """Instrument rows of the 15 default symbols: the fallback when the day's file cannot be had."""
    return [master_row(item, date_iso) for item in DEFAULT_LISTINGS]
