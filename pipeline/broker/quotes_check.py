"""Has the market moved while the feed said nothing? The broker's REST quotes are the second witness.

Reads   ``GET /v3/market-quote/ltp`` (at most 500 keys a call), on a thread of its own, within the shared read budget
Gives   (instrument key, has moved) for keys that were asked about: True is a silent stall, False a quiet paper

Law     no false alarm. A quote may be ahead of the feed by some hundred milliseconds, so one look proves nothing. A quote
        that shows more volume than we have is a doubt; it becomes True when it is ``grace_s`` old and we have not been told
        of newer values of ours. The volume of a day does not fall, so for a traded paper this needs no second quote. Where
        there is none to compare (an index, mode ``ltpc``) the price must differ in a second quote, too.
        One quote gives one alarm. A quote that stays ahead of what a fresh snapshot says is counted otherwise at the broker:
        the difference is learned and allowed from then on.
        Whoever takes an answer drops it when the key was heard since it was asked about: that is the newest value of all.

A failed call gives no answer, is counted, and said once per kind. Never raises into the feed, never reconnects, never
judges a key that we have no price of (that is an unconfirmed subscription, not a stall).
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from pipeline.core.errors import TickTickError

if TYPE_CHECKING:
    from pipeline.broker.quota import ReadBudget
    from pipeline.broker.rest import RestClient

log = logging.getLogger("ticktick.quotes")
PATH = "/v3/market-quote/ltp"
MAX_KEYS = 500
MAX_WAITING = 20_000
"""Keys that may wait for their turn; more than the broker's plans allow to follow."""
JOIN_S = 10.0

Ours = tuple[float, int]
"""(last price in rupees, cumulative volume) as the feed last told them."""


@dataclass(frozen=True, slots=True)
class CheckConfig:
    min_pause_s: float = 10.0
    """Between the starts of two calls."""
    grace_s: float = 2.0
    """How long the feed may be behind a quote."""
    forget_s: float = 60.0
    """A doubt older than this is a first look again: the key was alive in between."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What the broker says: the price in paise, and the volume, 0 where there is none."""

    paise: int
    volume: int


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A quote that was ahead of us, what we had then, and when it came."""

    ours: Ours
    quote: Quote
    at_s: float


class Verdicts:
    """Judges keys by what we have and what the broker says. Pure: seconds of any clock that goes forward are handed in."""

    def __init__(self, config: CheckConfig) -> None:
        self._config = config
        self._doubts: dict[str, _Doubt] = {}
        self._spent: dict[str, tuple[Ours, Quote]] = {}
        """What we had and what the broker said at the last alarm of each key: it is no news a second time."""
        self._allowed: dict[str, int] = {}
        """Volume that the broker's quotes count and the feed does not, where that was seen."""

    def told(self, key: str, ours: Ours, now_s: float) -> bool | None:
        """Judge a key by our newest values alone; None when a quote is needed first."""
        doubt = self._doubts.get(key)
        if doubt is None:
            return None
        if now_s - doubt.at_s > self._config.forget_s:
            del self._doubts[key]
            return None
        if ours != doubt.ours:
            del self._doubts[key]
            return False
        if now_s - doubt.at_s < self._config.grace_s or not _has_volume(ours, doubt.quote):
            return None
        return self._alarm(key, ours, doubt.quote)

    def quoted(self, key: str, ours: Ours, quote: Quote, now_s: float) -> bool | None:
        """Judge a key by a fresh quote; None when it takes a second look."""
        if self._spent.get(key) == (ours, quote):
            self._allowed[key] = quote.volume - ours[1] if _has_volume(ours, quote) else 0
            return False
        self._spent.pop(key, None)
        if not self._is_ahead(key, ours, quote):
            self._doubts.pop(key, None)
            return False
        doubt = self._doubts.get(key)
        if doubt is None or doubt.ours != ours or now_s - doubt.at_s > self._config.forget_s:
            self._doubts[key] = _Doubt(ours, quote, now_s)
            return None
        return self._alarm(key, ours, quote) if now_s - doubt.at_s >= self._config.grace_s else None

    def ripe(self, now_s: float) -> dict[str, Ours]:
        """Give the keys whose doubt time has made a certainty (their quote showed more volume), and what we had of them."""
        grace_s, forget_s = self._config.grace_s, self._config.forget_s
        ripe = {
            key: one for key, one in self._doubts.items() if grace_s <= now_s - one.at_s <= forget_s and _has_volume(one.ours, one.quote)
        }
        for key, one in ripe.items():
            self._alarm(key, one.ours, one.quote)
        return {key: one.ours for key, one in ripe.items()}

    def is_in_grace(self, key: str, now_s: float) -> bool:
        """Tell whether a doubt is too young to be decided by anything."""
        doubt = self._doubts.get(key)
        return doubt is not None and now_s - doubt.at_s < self._config.grace_s

    def _is_ahead(self, key: str, ours: Ours, quote: Quote) -> bool:
        """Tell whether a quote shows what we have not: more volume, or another price where there is no volume to compare."""
        if not _has_volume(ours, quote):
            return quote.paise != _paise(ours[0])
        more, allowed = quote.volume - ours[1], self._allowed.get(key, 0)
        if more < allowed:
            self._allowed[key] = max(0, more)
        return more > allowed

    def _alarm(self, key: str, ours: Ours, quote: Quote) -> bool:
        self._doubts.pop(key, None)
        self._spent[key] = (ours, quote)
        return True


def _has_volume(ours: Ours, quote: Quote) -> bool:
    return ours[1] > 0 and quote.volume > 0


def _paise(px: float) -> int:
    return round(px * 100)


def read_quotes(answer: Any) -> dict[str, Quote]:
    """Take the quotes out of an answer, by instrument key; an entry of another shape is left out.

    The answer is keyed ``NSE_EQ:RELIANCE``, not by what was asked: the key stands inside, as ``instrument_token``.
    """
    found: dict[str, Quote] = {}
    for entry in answer.values() if isinstance(answer, dict) else ():
        if not isinstance(entry, dict):
            continue
        key, px, volume = entry.get("instrument_token"), entry.get("last_price"), entry.get("volume")
        volume = 0 if volume is None else volume
        if isinstance(key, str) and _is_number(px) and px > 0 and _is_number(volume) and volume >= 0:
            found[key] = Quote(_paise(px), int(volume))
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class QuotesCheck:
    """Asks the broker about silent keys, one call at a time.

    Args:
        client: the broker's REST address; takes the token anew at every call.
        budget: the read budget, shared with whatever else reads in this process (milliseconds of the monotonic clock).
        config: pauses.
    """

    def __init__(self, client: RestClient, budget: ReadBudget, config: CheckConfig | None = None) -> None:
        self._client = client
        self._budget = budget
        self._config = config or CheckConfig()
        self._verdicts = Verdicts(self._config)
        self._waiting: dict[str, tuple[Ours, float]] = {}
        """Keys to ask about: our values, and the instant before which they are not to be asked about."""
        self._answers: dict[str, tuple[Ours, bool]] = {}
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._ready_at = 0.0
        """Instant of the monotonic clock before which no call starts."""
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def ask(self, keys: Mapping[str, Ours]) -> None:
        """Hand in silent keys with our newest values. Returns at once."""
        now = time.monotonic()
        with self._changed:
            for key, ours in keys.items():
                if ours[0] <= 0.0:
                    continue
                if self._answers.get(key, (ours, False))[0] != ours:
                    del self._answers[key]  # of older values
                verdict = self._verdicts.told(key, ours, now)
                if verdict is not None:
                    self._waiting.pop(key, None)
                    self._answer(key, ours, has_moved=verdict)
                elif not self._verdicts.is_in_grace(key, now):
                    self._wait_for(key, ours, now)
            if self._waiting and self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="quotes-check", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def answers(self) -> list[tuple[str, bool]]:
        """Take what was decided since the last call; drop an answer whose key was heard since it was asked about."""
        with self._changed:
            for key, ours in self._verdicts.ripe(time.monotonic()).items():
                self._answer(key, ours, has_moved=True)
            found, self._answers = self._answers, {}
        return [(key, has_moved) for key, (_, has_moved) in found.items()]

    def counts(self) -> dict[str, int]:
        """Return what happened so far, for the feed's status."""
        with self._changed:
            names = ("calls", "keys", "moved", "quiet", "failed", "left_out", "dropped")
            return {name: self._counts[name] for name in names} | {"waiting": len(self._waiting)}

    def close(self) -> None:
        """End the thread; a call under way is waited for."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def _wait_for(self, key: str, ours: Ours, from_s: float) -> None:
        if key in self._waiting or len(self._waiting) < MAX_WAITING:
            self._waiting[key] = (ours, from_s)
        else:
            self._counts["dropped"] += 1

    def _answer(self, key: str, ours: Ours, *, has_moved: bool) -> None:
        self._counts["moved" if has_moved else "quiet"] += 1
        self._answers[key] = (ours, has_moved)

    def _run(self) -> None:
        while (asked := self._next()) is not None:
            try:
                answer = self._client.get_data(PATH, {"instrument_key": ",".join(asked)})
            except TickTickError as error:
                self._failed(error)
                continue
            self._hear(asked, read_quotes(answer))

    def _next(self) -> dict[str, Ours] | None:
        """Wait until a call may be made; give its keys, None at the end."""
        is_booked = False
        with self._changed:
            while not self._is_closed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                now = time.monotonic()
                at = max(self._ready_at, min(from_s for _, from_s in self._waiting.values()))
                if not is_booked and now >= at:
                    self._ready_at, is_booked = self._budget.reserve(int(now * 1000)) / 1000, True
                    at = self._ready_at
                if is_booked and now >= at:
                    self._ready_at = now + self._config.min_pause_s
                    self._counts["calls"] += 1
                    return self._take(now)
                self._changed.wait(at - now)
        return None

    def _take(self, now: float) -> dict[str, Ours]:
        keys = [key for key, (_, from_s) in self._waiting.items() if from_s <= now][:MAX_KEYS]
        self._counts["keys"] += len(keys)
        return {key: self._waiting.pop(key)[0] for key in keys}

    def _hear(self, asked: Mapping[str, Ours], quotes: Mapping[str, Quote]) -> None:
        now = time.monotonic()
        with self._changed:
            for key, ours in asked.items():
                quote = quotes.get(key)
                if quote is None:
                    self._counts["left_out"] += 1
                    continue
                verdict = self._verdicts.quoted(key, ours, quote, now)
                if verdict is not None:
                    self._answer(key, ours, has_moved=verdict)
                elif key not in self._waiting and not _has_volume(ours, quote):
                    self._wait_for(key, ours, now + self._config.grace_s)  # the second look

    def _failed(self, error: TickTickError) -> None:
        kind = type(error).__name__
        with self._changed:
            self._counts["failed"] += 1
            self._counts[kind] += 1
            is_first = self._counts[kind] == 1
        if is_first:
            log.warning("quotes not compared", extra={"fields": {"kind": kind, "why": str(error)}})
