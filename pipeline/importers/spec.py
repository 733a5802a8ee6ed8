"""What an importer is: it knows a header, and turns the lines below it into days. A new one is one file in this folder.

Reads   lines of a CSV by column name
Gives   DayRows as the file has them; what a line lacks or cannot be read raises ValueError or KeyError, and is named by the caller
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.core.registry import Registry


@dataclass(frozen=True, slots=True)
class DayRow:
    """One paper's day: rupees and shares; 0 where the source does not say."""

    symbol: str
    date: str
    open: float
    high: float
    low: float
    close: float
    volume: int
    prev_close: float = 0.0
    adj_close: float = 0.0
    instrument_key: str = ""


@dataclass(frozen=True, slots=True)
class Importer:
    """``read`` gives None for a line that is of no concern (another series); ``symbol`` is what the file's name or the user says."""

    source: str
    """Folder in the archive: importers of one source fill the same series."""
    about: str
    columns: frozenset[str]
    """A file with all of these is its."""
    read: Callable[[Mapping[str, str], str], DayRow | None]
    caveat: str
    needs_symbol: bool = False
    """The file is of one paper, and does not name it."""


MOST = 2**53
"""Shares beyond which a number of them is not exact."""

IMPORTERS: Registry[Importer] = Registry("importer")


def number(text: str) -> float:
    """Read a price; an empty field is none, and so is what is no number or endless."""
    value = float(text.strip())
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no price")
    return value


def count(text: str) -> int:
    """Read a number of shares, written with or without a decimal point."""
    value = float(text.strip())
    if value != int(value) or abs(value) > MOST:
        raise ValueError(f"{text!r} is no whole number of shares")
    return int(value)
