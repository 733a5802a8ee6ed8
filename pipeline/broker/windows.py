"""The broker's order rate as exact sliding windows, with a reserve that only exits and cancels may use.

Reads   instants of past order calls (milliseconds, oldest first), an urgency, now
Writes  how long a call must wait; a forecast of when the allowance runs out

Pure: the time is handed in. A window is exact, so its limit holds whichever way the broker counts; each is longer than
the broker's by ``GUARD_MS``, since calls that left apart may arrive together. Every call counts in every window, but an
entry must find ``reserve`` places free: so entries alone use at most 95 % of the long windows, and an exit meets a full
window only when exits alone have filled it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

GUARD_MS = 100
NEAR_MS = 300_000
"""A window that will be full so soon is worth a warning."""


class Urgency(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    """Exits, cancels, changes of stops: whatever makes a position smaller or safer."""


@dataclass(frozen=True, slots=True)
class Window:
    calls: int
    window_ms: int
    """As the broker publishes it."""
    reserve: int
    """Calls of it that entries leave alone."""

    @property
    def held_ms(self) -> int:
        """How long a call counts here."""
        return self.window_ms + GUARD_MS

    def allowed(self, urgency: Urgency) -> int:
        return self.calls - self.reserve if urgency is Urgency.ENTRY else self.calls


ORDER_WINDOWS = (Window(10, 1_000, 1), Window(500, 60_000, 24), Window(2_000, 1_800_000, 98))
"""Place, change and cancel together, per user (unregistered algo)."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """One window now: calls in it, its limit, and when entries will find it full at the pace of the last minute."""

    window_ms: int
    used: int
    calls: int
    exhausted_in_ms: int | None
    """0 it is; None never, at this pace."""


def wait_ms(instants: Sequence[int], windows: Sequence[Window], urgency: Urgency, now: int) -> int:
    """Return how long the next call must wait; 0 when it may go now."""
    free_at = now
    for window in windows:
        allowed = window.allowed(urgency)
        if len(instants) >= allowed:
            free_at = max(free_at, instants[-allowed] + window.held_ms)
    return free_at - now


def forecast(instants: Sequence[int], windows: Sequence[Window], now: int) -> tuple[Forecast, ...]:
    """Say how full each window is, and when it would be full for entries if calls went on as in the last minute."""
    pace = (len(instants) - bisect_right(instants, now - 60_000)) / 60_000
    out = []
    for window in windows:
        alive = instants[bisect_right(instants, now - window.held_ms) :]
        allowed = window.allowed(Urgency.ENTRY)
        out.append(Forecast(window.window_ms, len(alive), window.calls, _full_in(alive, allowed, pace, window.held_ms, now)))
    return tuple(out)


def is_near(windows: Sequence[Forecast]) -> bool:
    """Tell whether entries will find a window full within ``NEAR_MS``; the second's own refills too fast to warn of."""
    return any(w.exhausted_in_ms is not None and w.exhausted_in_ms <= NEAR_MS for w in windows if w.window_ms >= 60_000)


def words_of(windows: Sequence[Forecast]) -> str:
    """Say it in one line: ``order calls 12 of 500 in 1 min, 40 of 2,000 in 30 min; at this pace used up in 4 min``."""
    long = [w for w in windows if w.window_ms >= 60_000]
    parts = [f"{w.used:,} of {w.calls:,} in {w.window_ms // 60_000} min" for w in long]
    ends = [w.exhausted_in_ms for w in long if w.exhausted_in_ms is not None]
    if not ends:
        return f"order calls {', '.join(parts)}"
    left = min(ends)
    end = "used up for entries" if left == 0 else f"at this pace used up in {_span(left)}"
    return f"order calls {', '.join(parts)}; {end}"


def _span(ms: int) -> str:
    return f"{ms / 60_000:.0f} min" if ms >= 90_000 else f"{ms / 1000:.0f} s"


def _full_in(alive: Sequence[int], allowed: int, pace: float, held_ms: int, now: int) -> int | None:
    """Walk from one leaving call to the next, adding new ones at the pace, until ``allowed`` are in the window."""
    if len(alive) >= allowed:
        return 0
    if pace <= 0:
        return None
    for gone, instant in enumerate(alive):
        until = instant + held_ms - now  # this call leaves the window then
        at = (allowed - len(alive) + gone) / pace
        if at <= until:
            return max(0, round(at))
    at = allowed / pace
    return round(at) if at <= held_ms else None
