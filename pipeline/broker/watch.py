"""Looks after the feed about once a second: keys that never answered, symbols that fell silent, a clock that stands still.

Reads   what was heard (``Heard``), the feed's clock, which connection carries what (``Lines``), answers of a quote check
Does    asks again for keys without a row, once more for stalled ones, and leaves a connection that is stalled or whose
        clock stands still, so that it is opened anew and its gap marked
Law     judged on our monotonic clock and on the feed's own, never on the wall clock. In a lossless run (a simulator that
        is paced by us) our clock means nothing, and nothing is judged.

Never blocks: the quote check works in a thread of its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.broker.clock import FeedClock
from pipeline.broker.heard import Heard
from pipeline.broker.silence import LONGEST_PAUSE_MS, Remedy, Silence
from pipeline.core.session import group_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.broker.lines import Lines
    from pipeline.core.session import SessionDay
    from pipeline.core.types import Instrument

log = logging.getLogger("ticktick.feed")
S = 1_000_000_000
LOOK_NS = S
SHOWN = 20


class QuoteCheck(Protocol):
    """Asks the broker's quotes whether a silent symbol moved without us; never blocks."""

    def ask(self, keys: Mapping[str, tuple[float, int]]) -> None:
        """Begin a comparison: instrument key -> (last price, volume of the day) as we have them."""
        ...

    def answers(self) -> list[tuple[str, bool]]:
        """Give what was found out since the last call: (instrument key, whether the market moved without us)."""
        ...

    def close(self) -> None: ...


class GapRepair(Protocol):
    """Fetches the minutes that a gap spoiled; never blocks."""

    def missed(self, keys: Sequence[str], start_ms: int, end_ms: int, now_ms: int) -> None:
        """Say that these instruments were not seen from ``start_ms`` to ``end_ms`` (event time); it is ``now_ms``."""
        ...

    def ready(self, now_ms: int) -> NDArray[np.void] | None:
        """Give ``TICK[n]`` rows of kind REPAIR that have come, or None."""
        ...

    def close(self) -> None: ...


class Watch:
    """Args are those of ``FeedSource``; ``limits`` is (confirm, symbol silence, liveness) in seconds."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        session: SessionDay | None,
        lines: Lines,
        limits: tuple[float, float, float],
        quotes: QuoteCheck | None = None,
        *,
        on_stall: Callable[[int, dict[str, int]], None] = lambda _link, _keys: None,
        is_judging: bool = True,
    ) -> None:
        self._instruments = instruments
        self._sids = {i.instrument_key: i.sid for i in instruments}
        self._lines = lines
        confirm_s, silence_s, self._liveness_s = limits
        self._confirm_ns = int(confirm_s * S)
        self._quotes = quotes
        self._on_stall = on_stall
        self._asked_with: dict[int, tuple[float, int]] = {}
        """What we had of a symbol when the quotes were asked for it."""
        self._is_judging = is_judging
        self.clock = FeedClock()
        self.heard = Heard(len(instruments))
        groups = [group_of(i) for i in instruments]
        self._silence = Silence(self.heard, groups, session, int(silence_s * 1000), int(confirm_s * 1000))
        self._asked_ns = np.zeros(len(instruments), np.int64)
        self._pause_ns = np.full(len(instruments), self._confirm_ns, np.int64)
        self._is_told = np.zeros(len(instruments), np.bool_)
        self._look_ns = 0
        self.checks = 0
        """Symbols that were compared with the broker's quotes."""
        self.resubscribed = 0
        """Keys that were asked for again, unconfirmed or stalled."""

    # ------------------------------------------------------------------ what happened

    def _places(self, keys: Iterable[str]) -> NDArray[np.int64]:
        return np.array([self._sids[key] for key in keys if key in self._sids], np.int64)

    def asked(self, keys: Iterable[str], at_ns: int) -> None:
        """Keys were subscribed: each owes us a row, and its age counts from here."""
        sids = self._places(keys)
        self._asked_ns[sids] = at_ns
        self._pause_ns[sids] = self._confirm_ns
        self.heard.is_confirmed[sids] = False
        self._is_told[sids] = False
        self._silence.follow(sids, self.clock.now_ms(at_ns))

    def left(self, keys: Iterable[str]) -> None:
        """Keys are not followed any more, or their connection is down."""
        self._silence.leave(self._places(keys))

    # ------------------------------------------------------------------ the look

    def look(self, now_ns: int, *, is_behind: bool = False) -> None:
        """Judge everything, when it is time to. While frames wait with us, a silence is our own and means nothing."""
        if not self._is_judging or is_behind or now_ns - self._look_ns < LOOK_NS:
            return
        self._look_ns = now_ns
        now_ms = self.clock.now_ms(now_ns)
        self._remind(now_ns)
        if self._quotes is not None:
            self._compare(self._quotes, now_ms)
        if now_ms > 0 and self._silence.is_trading(now_ms):
            for number, _ in tuple(self._lines.open_lines()):
                lag_s = self.clock.lag_ms(number) / 1000
                if lag_s > self._liveness_s:
                    log.warning("feed clock stands still", extra={"fields": {"link": number, "lag_s": round(lag_s)}})
                    self._lines.leave(number, f"the feed's clock is {lag_s:.0f} s behind")

    def unconfirmed(self, now_ns: int) -> list[int]:
        """Give the symbols on open connections that have not answered within the time."""
        return [sid for _, line in self._lines.open_lines() for sid in self._overdue(line.carries, now_ns - self._confirm_ns)]

    def _overdue(self, carries: Mapping[str, str], before_ns: int) -> list[int]:
        sids = self._places(carries)
        return sids[~self.heard.is_confirmed[sids] & (self._asked_ns[sids] <= before_ns)].tolist()

    def _remind(self, now_ns: int) -> None:
        """Ask again for what did not answer; the pauses between grow."""
        for number, line in tuple(self._lines.open_lines()):
            late = np.array(self._overdue(line.carries, now_ns - self._confirm_ns), np.int64)
            late = late[self._asked_ns[late] + self._pause_ns[late] <= now_ns] if len(late) > 0 else late
            if len(late) == 0:
                continue
            for sid in late[~self._is_told[late]].tolist():
                log.warning("feed key unconfirmed", extra={"fields": {"symbol": self._instruments[sid].symbol, "link": number}})
            self._is_told[late] = True
            self._asked_ns[late] = now_ns - self._confirm_ns  # it stays overdue
            self._pause_ns[late] = np.minimum(2 * self._pause_ns[late], LONGEST_PAUSE_MS * 1_000_000) + self._confirm_ns
            self._ask_again(number, late.tolist())

    def _ask_again(self, number: int, sids: Sequence[int]) -> None:
        self.resubscribed += len(sids)
        self._lines.ask_again(number, [self._instruments[sid].instrument_key for sid in sids])

    def _compare(self, quotes: QuoteCheck, now_ms: int) -> None:
        """Ask for the quotes of silent symbols, and do what the answers of earlier questions call for."""
        remedies: dict[Remedy, list[int]] = {}
        for key, has_moved in quotes.answers():
            sid = self._sids.get(key)
            # By value, too: our guess of the server's time may be some milliseconds ahead of it.
            if sid is not None and self._asked_with.get(sid) == self._ours(sid):
                remedy = self._silence.answer(sid, has_moved=has_moved, now_ms=now_ms)
                remedies.setdefault(remedy, []).append(sid)
        self._cure(remedies)
        suspects = self._silence.suspects(now_ms) if now_ms > 0 else []
        if suspects:
            self.checks += len(suspects)
            self._asked_with.update((sid, self._ours(sid)) for sid in suspects)
            quotes.ask({self._instruments[sid].instrument_key: self._asked_with[sid] for sid in suspects})

    def _ours(self, sid: int) -> tuple[float, int]:
        return float(self.heard.ltp[sid]), int(self.heard.vtt[sid])

    def _cure(self, remedies: Mapping[Remedy, Sequence[int]]) -> None:
        for remedy in (Remedy.RESUBSCRIBE, Remedy.RECONNECT, Remedy.SAY):
            for number, sids in self._by_link(remedies.get(remedy, ())).items():
                names = self._names(sids)
                what = {"symbols": names, "count": len(sids), "link": number, "remedy": remedy.name.lower()}
                log.warning("feed stalled", extra={"fields": what})
                keys = [self._instruments[sid].instrument_key for sid in sids]
                self._on_stall(number, dict(zip(keys, self.heard.at_ms[sids].tolist(), strict=True)))
                if remedy is Remedy.RESUBSCRIBE:
                    self._ask_again(number, sids)
                elif remedy is Remedy.RECONNECT:
                    self._lines.leave(number, f"{len(sids)} symbols stalled: {names}")

    def _by_link(self, sids: Sequence[int]) -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        plan = self._lines.plan
        for sid in sids:
            number = plan.link_of(self._instruments[sid].instrument_key) if plan is not None else None
            if number is not None:
                out.setdefault(number, []).append(sid)
        return out

    # ------------------------------------------------------------------ what people see

    def _names(self, sids: Sequence[int]) -> str:
        return ", ".join(self._instruments[sid].symbol for sid in sids[:SHOWN])

    def status(self, now_ns: int) -> dict[str, str | int]:
        late, stalled = self.unconfirmed(now_ns), self._silence.stalled()
        return {
            "unconfirmed": len(late),
            "unconfirmed_names": self._names(late),
            "stalled": len(stalled),
            "stalled_names": self._names(stalled),
            "quote_checks": self.checks,
            "resubscribed": self.resubscribed,
            "clock_lag_ms": self.clock.worst_lag_ms,
            "skew_ms": self.clock.skew_ms,
        }

    def wanted_rows(self, now_ns: int) -> dict[str, str]:
        """Say of every symbol of today how it is followed: ``full link=0 confirmed age=1.2s``, or ``off``."""
        out = {i.symbol: "off" for i in self._instruments}
        now_ms = self.clock.now_ms(now_ns)
        plan = self._lines.plan
        for number, keys in enumerate(plan.links if plan is not None else ()):
            line = self._lines.lines[number]
            is_open = line.state.value == "connected"
            for key, mode in keys.items():
                sid = self._sids[key]
                state = line.state.value if not is_open else "confirmed" if self.heard.is_confirmed[sid] else "unconfirmed"
                at_ms = int(self.heard.at_ms[sid])
                age = f" age={max(0, now_ms - at_ms) / 1000:.1f}s" if at_ms > 0 else ""
                out[self._instruments[sid].symbol] = f"{mode} link={number} {state}{age}"
        return out
