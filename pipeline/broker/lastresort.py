"""Level 4 of the emergency stop: the broker itself cancels, exits and locks everything, past our own orders, Redis and processes.

Reads   the broker's book and positions
Writes  cancellations, exits at market, the broker's kill switch; Steps, as they happen

It needs a token and nothing else. It aims at a state, so every part may be repeated: cancel whatever works, wait until the book says so,
exit whatever is held, look again; flat, then lock. After a call without an answer the book is looked at, as after any other. An exit
that still works is cancelled before the next one goes, so that none is for more than is held. It concerns the whole account, also what was
traded by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from pipeline.broker.rest import Throttled
from pipeline.broker.upstox_account import Row
from pipeline.core.errors import Ambiguous, Refused, TickTickError, Unauthorised

LOOK_S, SETTLE_S, THROTTLED_S = 0.1, 2.0, 1.0
"""Between two looks at the book; until an order that works is cancelled and asked for again; after the broker said too many."""
SEGMENTS = ("NSE_EQ",)
"""Locked in any case; and the segments in which anything was on the book."""

T = TypeVar("T")


class Account(Protocol):
    """What level 4 asks of a broker (broker/upstox_account.py)."""

    def cancel_open(self) -> int: ...
    def exit_open(self) -> int: ...
    def working(self) -> list[Row]: ...
    def held(self) -> list[Row]: ...
    def waiting_gtts(self) -> list[str]: ...
    def cancel_gtt(self, gtt_id: str) -> str: ...
    def is_killed(self, segment: str) -> bool: ...
    def kill(self, segment: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, or that failed; ``at_ms`` since the string was pulled."""

    at_ms: int
    words: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended. ``left`` says what is still open, and why."""

    is_flat: bool
    locked: tuple[str, ...]
    last_order_ms: int
    """When the last exit was sent; 0 when none was needed."""
    flat_ms: int
    left: str

    @property
    def is_done(self) -> bool:
        return self.is_flat and bool(self.locked) and not self.left


class LastResort:
    """One pull at the last string."""

    def __init__(self, account: Account, budget_s: float, tell: Callable[[Step], None]) -> None:
        """``budget_s``: cancel and exit are repeated for so long; ``tell`` hears of every step."""
        self._account, self._tell = account, tell
        self._began = time.monotonic()
        self._deadline = self._began + budget_s
        self._segments: dict[str, None] = dict.fromkeys(SEGMENTS)
        self._last_order_ms = 0
        self._why = ""

    def run(self) -> Verdict:
        """Do it until everything is flat and locked, or time is up."""
        flat_ms, locked = 0, tuple[str, ...]()
        while time.monotonic() < self._deadline:
            if self._flatten():
                flat_ms = flat_ms or self._now()
                locked = self._lock()
                if len(locked) == len(self._segments):
                    break
            time.sleep(LOOK_S)
        left = self._left(is_flat=flat_ms > 0, locked=locked)
        if left:
            self._say(f"{left}: use the broker's app, or telephone its dealing desk", is_bad=True)
        return Verdict(flat_ms > 0, locked, self._last_order_ms, flat_ms, left)

    def _left(self, *, is_flat: bool, locked: tuple[str, ...]) -> str:
        open_ = [segment for segment in self._segments if segment not in locked]
        if is_flat and not open_:
            return ""
        what = f"flat, but not locked: {', '.join(open_)}" if is_flat else "not flat"
        return f"{what} ({self._why or 'time is up'})"

    def _flatten(self) -> bool:
        """One round; tell whether the account is flat."""
        self._drop_gtts()
        if not self._clear():
            return False
        held = self._try(self._account.held)
        if held is None:
            return False
        self._note(held)
        if not held:
            self._say("flat: nothing works and nothing is held")
            return True
        sent = self._try(self._account.exit_open)
        if sent is not None and sent > 0:
            self._last_order_ms = self._now()
            self._say(f"exit of {_count(sent, 'position')} sent")
        self._wait_filled()
        return False

    def _clear(self) -> bool:
        """Cancel whatever works, and wait until the book says so."""
        until = min(self._deadline, time.monotonic() + SETTLE_S)
        while True:
            working = self._try(self._account.working)
            if working is not None:
                self._note(working)
                if not working:
                    return True
                gone = self._try(self._account.cancel_open)
                if gone:
                    self._say(f"{_count(gone, 'open order')} cancelled")
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_S)

    def _wait_filled(self) -> None:
        """Give exits a moment: what still works after it is cancelled and sent anew for what is held then."""
        until = min(self._deadline, time.monotonic() + SETTLE_S)
        while self._try(self._account.working) != [] and time.monotonic() < until:
            time.sleep(LOOK_S)

    def _drop_gtts(self) -> None:
        for gtt in self._try(self._account.waiting_gtts) or ():
            if self._try(partial(self._account.cancel_gtt, gtt)) is not None:
                self._say(f"{gtt} cancelled")

    def _lock(self) -> tuple[str, ...]:
        """Switch the segments off; one that is refused is asked about, for it may be off already."""
        out = []
        for segment in self._segments:
            self._try(partial(self._account.kill, segment))
            if self._try(partial(self._account.is_killed, segment)):
                self._say(f"{segment} is locked at the broker for twelve hours")
                out.append(segment)
        return tuple(out)

    def _try(self, call: Callable[[], T]) -> T | None:
        """Make a call; None when it failed, whatever the reason: the next round looks at the book again."""
        try:
            return call()
        except Unauthorised:
            raise
        except Throttled as error:
            self._fail(error)
            time.sleep(THROTTLED_S)
        except (Refused, Ambiguous) as error:
            self._fail(error)
        except (KeyError, TypeError, ValueError):
            self._fail(Ambiguous("an answer of the broker cannot be read"))
        return None

    def _fail(self, error: TickTickError) -> None:
        if str(error) != self._why:
            self._why = str(error)
            self._say(self._why, is_bad=True)

    def _note(self, rows: list[Row]) -> None:
        for row in rows:
            self._segments[str(row["instrument_token"]).partition("|")[0]] = None

    def _now(self) -> int:
        return max(1, round((time.monotonic() - self._began) * 1000))

    def _say(self, words: str, *, is_bad: bool = False) -> None:
        self._tell(Step(self._now(), words, is_bad))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
