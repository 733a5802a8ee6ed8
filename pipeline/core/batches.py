"""Many small outputs as one value: readable records column by column, and fields of many hashes as text that is ready.

What a wave finds is thousands of entries and hashes. The store writes them by kernels, a batch at a time; what comes to lie there
is what the records and hash writes of ``each`` would have left, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Refused
from pipeline.core.schema import HashKey

PLACES, MOST = 4, 1e11
"""Decimals have at most four places, and are below this: these are written exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of text: one of ``texts`` for each record. Equal every time: the store keeps what it derives of them."""

    texts: tuple[str, ...]
    at: NDArray[np.int64]

    def tolist(self) -> list[str]:
        return [self.texts[k] for k in self.at.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Records of one readable type, a column for each of its fields, all of one length.

    Raises:
        Refused: a decimal that is not finite, too large, or has more than four places; columns that do not fit.
    """

    kind: type
    columns: tuple[NDArray[np.int64] | NDArray[np.float64] | Words, ...]

    def __post_init__(self) -> None:
        names = [field.name for field in fields(self.kind)]
        if len(names) != len(self.columns) or len({len(_held(column)) for column in self.columns}) != 1:
            raise Refused(f"{self.kind.__name__} takes columns of one length, one for each of {', '.join(names)}")
        for name, column in zip(names, self.columns, strict=True):
            held = _held(column)
            if isinstance(column, Words) and len(held) > 0 and not 0 <= held.min() <= held.max() < len(column.texts):
                raise Refused(f"{self.kind.__name__}.{name} names a text that is not among its {len(column.texts)}")
            if held.dtype == np.float64 and not ((np.abs(held) < MOST) & (np.round(held, PLACES) == held)).all():
                raise Refused(f"{self.kind.__name__}.{name} holds what is no decimal of {PLACES} places: round it first")

    def __len__(self) -> int:
        return len(_held(self.columns[0]))

    def each(self) -> Iterator[Any]:
        """Give the records one by one."""
        return (self.kind(*row) for row in zip(*(column.tolist() for column in self.columns), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class HashesWrite:
    """Set fields of many hashes of a family, a line of text for each field. A repeat is harmless.

    Lines of one hash stand together, and each of its fields stands there once; a hash that comes again is written again.
    """

    hash: HashKey
    labels: tuple[tuple[str, ...], ...]
    """Labels of every hash there may be; equal every time: the store keeps what it derives of them."""
    names: tuple[str, ...]
    """Names of every field there may be; likewise."""
    places: NDArray[np.int64]
    """[lines, 2]: which hash, and which field of it."""
    text: NDArray[np.uint8]
    ends: NDArray[np.int64]
    """[lines + 1]: line k is ``text[ends[k]:ends[k + 1]]``."""

    def each(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        """Give labels and fields, hash by hash."""
        text, ends = self.text.tobytes(), self.ends.tolist()
        last, mapping = -1, dict[str, str]()
        for k, (place, name) in enumerate(self.places.tolist()):
            if place != last and mapping:
                yield self.labels[last], mapping
                mapping = {}
            last = place
            mapping[self.names[name]] = text[ends[k] : ends[k + 1]].decode()
        if mapping:
            yield self.labels[last], mapping


def _held(column: NDArray[np.int64] | NDArray[np.float64] | Words) -> NDArray[Any]:
    return column.at if isinstance(column, Words) else column
