"""How packed rows are shown to people: which columns stand in which hash, which go to which TimeSeries.

A view is a value, declared beside the job that yields it. ``RowsWrite`` hands rows and a view to the store, which writes text for all
of them at once: thousands of rows a second are shown without a Python object for each number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.schema import HashKey, Series


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a hash. ``words`` turns a small number into text: by its bits (``is_flags``) or as it is."""

    name: str
    field: str = ""
    """Field of the row; empty for the time of the write, as text in Indian time."""
    element: int = 0
    """Which element of an array field."""
    words: tuple[str, ...] = ()
    is_flags: bool = False


@dataclass(frozen=True, slots=True)
class Sampled:
    """One series per symbol, of a whole word: decimal or integer. A row has a sample when its field ``need`` is not zero."""

    series: Series
    labels: tuple[str, ...]
    """Labels after the symbol."""
    field: str
    need: str
    bit: int
    """Bit of a row's ``due`` that asks for this sample."""


HASH_BIT = 0
"""Bit of a row's ``due`` that asks for its hash."""


@dataclass(frozen=True, slots=True)
class RowView:
    """What is shown of each row; the row's ``sid`` names the symbol, which is the first label of every key.

    A hash shows the newest row, a few times a second of our clock at most: it is for eyes, which live in that time at
    any speed of the market; of a view that is not ``is_paced`` it is written in the commit that brings it. Samples carry event
    time; each one that is handed over is written. A decimal that is NaN is shown as empty text, and is no sample.
    """

    row: Any
    """The dtype of the rows: packed, whole 8-byte words."""
    hash: HashKey | None = None
    columns: tuple[Column, ...] = ()
    series: tuple[Sampled, ...] = ()
    labels: tuple[str, ...] = ()
    """Labels of the hash after the symbol."""
    is_paced: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class RowsWrite:
    """Show rows of a batch. A repeat is harmless: hashes are set, samples of one instant replace each other."""

    view: RowView
    symbols: Sequence[str]
    """Name by symbol id; the same object every time, so that the store may keep what it derives from it."""
    ts: int
    """Event time of the samples."""
    rows: NDArray[np.void]
    due: NDArray[np.uint8]
    """What is to be shown of each row: a bit for the hash, a bit for each kind of samples."""
