"""What holds: the emergency word in force, who said it, and whether the order process has taken it.

Reads   the stream ``controls``, the order process's health, the halt file, the course of a kill
Gives   the part ``halt`` of the page's state; level 0 means that nothing holds
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core.broker import Control, Word, holding, level_of
from web.fields import Fields, Json

TITLES = {
    "": "",
    Word.PAUSE: "PAUSED",
    Word.HALT: "HALTED",
    Word.FLATTEN: "HALTED · FLATTEN",
    Word.KILL: "HALTED · KILL",
}
MEANS = {
    "": "",
    Word.PAUSE: "no new entries; working orders, stops and positions go on",
    Word.HALT: "no new entries, working entries are cancelled; stops stay",
    Word.FLATTEN: "no new entries, every position is closed",
    Word.KILL: "the broker cancels, exits and locks everything; our own orders keep still",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What Redis knows: the word by the stream, its last control that counts, and the word that the order process holds."""

    word: str = ""
    control: Control | None = None
    taken: str = ""
    is_alive: bool = False
    """The order process is."""


def said(controls: Sequence[Control], orders: Fields, *, is_alive: bool) -> Said:
    """Fold the words; the control that is named is the one that brought the word that holds."""
    word, brought = "", None
    for control in controls:
        after = holding(word, control.word)
        if after != word:
            brought = control if after else None
        word = after
    return Said(word, brought, orders.get("word", "") if is_alive else "", is_alive)


def halted(known: Said, left: tuple[Word, str] | None, kill: Mapping[str, Any]) -> Json:
    """Put together what is shown. The strongest of stream, order process and file holds."""
    word = max(known.word, known.taken, "" if left is None else left[0].value, key=level_of)
    control = known.control if known.control is not None and known.control.word == word else None
    by_file = left is not None and left[0] == word
    return {
        "word": word,
        "level": level_of(word),
        "title": TITLES[word],
        "means": MEANS[word],
        "ts": control.ts if control is not None else None,
        "source": control.source if control is not None else "file" if by_file else "orders" if word else "",
        "who": control.who if control is not None else left[1] if left is not None and by_file else "",
        "is_taken": known.is_alive and level_of(known.taken) >= level_of(word),
        "is_alive": known.is_alive,
        "has_file": left is not None,
        "kill": dict(kill),
    }
