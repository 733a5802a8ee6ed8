"""Units and intervals of candles, as the broker names them, and what one request may span.

``Period("minutes", 1).name`` is ``1m``; minutes and hours lie in one file a month, days and longer in one a year.
Facts of the broker (September 2026): minutes 1-300 and hours 1-5 from January 2022, days, weeks and months from January 2000;
a month at a time up to 15 minutes, a quarter above, ten years of days, weeks and months without a limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.errors import Refused

LARGEST = {"minutes": 300, "hours": 5, "days": 1, "weeks": 1, "months": 1}
LETTER = {"minutes": "m", "hours": "h", "days": "d", "weeks": "w", "months": "mo"}
FIRST_INTRADAY, FIRST_DAILY = "2022-01-01", "2000-01-01"
SHORT_MINUTES = 15


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One unit and interval.

    Raises:
        Refused: the broker has none like it.
    """

    unit: str
    interval: int = 1

    def __post_init__(self) -> None:
        if self.unit not in LARGEST:
            raise Refused(f"unknown unit {self.unit!r}: use {', '.join(LARGEST)}")
        if not 1 <= self.interval <= LARGEST[self.unit]:
            raise Refused(f"there are no candles of {self.interval} {self.unit}: use 1 to {LARGEST[self.unit]}")

    @property
    def name(self) -> str:
        return f"{self.interval}{LETTER[self.unit]}"

    @property
    def minutes(self) -> int:
        """Length of an intraday candle; 0 for days and longer."""
        return self.interval * {"minutes": 1, "hours": 60}.get(self.unit, 0)

    @property
    def months_a_call(self) -> int:
        """Calendar months that one request may span, counted from January."""
        if self.minutes > 0:
            return 1 if self.unit == "minutes" and self.interval <= SHORT_MINUTES else 3
        return 120 if self.unit == "days" else 12_000

    @property
    def first_date(self) -> str:
        """Where the broker's history begins."""
        return FIRST_INTRADAY if self.minutes > 0 else FIRST_DAILY

    def part(self, date_iso: str) -> str:
        """Name the file that holds a date: ``2026-11`` or ``2026``."""
        return date_iso[:7] if self.minutes > 0 else date_iso[:4]


def period_of(name: str) -> Period:
    """Read a name: ``1m``, ``60m``, ``1h``, ``1d``, ``1w``, ``1mo``."""
    digits = name.rstrip("abcdefghijklmnopqrstuvwxyz")
    units = {letter: unit for unit, letter in LETTER.items()}
    unit = units.get(name[len(digits) :])
    if unit is None or not digits.isdecimal():
        raise Refused(f"{name!r} is no candle length: write 1m, 5m, 60m, 1h, 1d, 1w or 1mo")
    return Period(unit, int(digits))
