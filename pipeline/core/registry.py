"""Named things of one kind, found by name, with "did you mean".

A module adds its indicator, pattern or strategy when it is imported; ``run/discovery.py`` imports them all.
Never reads a folder itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from pipeline.core.errors import Refused

T = TypeVar("T")


class Registry(Generic[T]):
    """Items by unique name; ``kind`` is the word for one of them in messages."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> T:
        """Enter an item and return it; the same item twice is harmless, another under a taken name is a bug."""
        if self._items.get(name, item) is not item:
            raise ValueError(f"two {self.kind}s are named {name!r}")
        self._items[name] = item
        return item

    def get(self, name: str) -> T:
        """Return the item.

        Raises:
            Refused: nothing has that name; the message offers the nearest.
        """
        if name in self._items:
            return self._items[name]
        hint = did_you_mean(name, self._items) or f"; known: {', '.join(self.names()) or 'none'}"
        raise Refused(f"unknown {self.kind} {name!r}{hint}")

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._items))

    def items(self) -> tuple[tuple[str, T], ...]:
        """Return names and items, sorted by name, whatever the order of import was."""
        return tuple(sorted(self._items.items(), key=lambda pair: pair[0]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known word, or nothing; case does not count.

    >>> did_you_mean("emma", ["ema", "rsi"])
    "; did you mean 'ema'?"
    """
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    near = get_close_matches(word.lower(), sorted(by_lower), n=1, cutoff=0.5)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


INDICATORS: Registry[Any] = Registry("indicator")
PATTERNS: Registry[Any] = Registry("pattern")
STRATEGIES: Registry[Any] = Registry("strategy")
