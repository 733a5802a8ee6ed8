"""The live feed as a source of records, whatever happens to the connection.

Reads   the market feed V3 over one websocket (``link.py``), decoded by ``wire.py``
Gives   ``TickBatch`` (raw fields) and ``MarketStatus``, in the order of their event time; a gap is a batch of one row
Law     every connect asks for the token again; 401 ends the loop and asks for a login; anything else is tried again for
        ever, with a growing, jittered, capped pause. A frame that is refused is counted and kept, and the feed goes on.

Never stops on its own before the session is over; never repairs a gap; never shows a token.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.broker.continuity import Continuity
from pipeline.broker.link import MODES, NORMAL_CLOSE, Link, LinkConfig, LinkLost
from pipeline.broker.quarantine import Quarantine
from pipeline.broker.wire import SESSION_OVER, Decoder, FrameRefused
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from pipeline.core.registry import did_you_mean
from pipeline.core.session import DAY_MS, Group, group_of, ist_ms
from pipeline.core.types import NO_SYMBOL, TICK, MarketStatus, TickBatch, TickKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.broker.continuity import Place
    from pipeline.broker.wire import Decoded
    from pipeline.core.session import SessionDay
    from pipeline.core.types import Instrument

log = logging.getLogger("ticktick.feed")
MAX_UNKNOWN = 100
STEADY_S = 5.0
"""A connection that lived so long was a good one: the pause before the next starts small again."""


@dataclass(frozen=True, slots=True)
class FeedConfig:
    quarantine: Path
    """Folder for refused frames."""
    link: LinkConfig = field(default_factory=LinkConfig)
    silence_ms: int = 30_000
    """No frame for so long in continuous trading is a gap."""
    backoff_s: float = 0.5
    backoff_cap_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Access:
    """The token of the moment, and where to say that it was turned down."""

    token: Callable[[], str]
    reject: Callable[[str], None]


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


class FeedSource:
    """An endless reader of one day's feed.

    Args:
        config: addresses, times, folder.
        instruments: today's watchlist; all of it is subscribed at every connect.
        access: token of the moment.
        session: today's phases; without them silences are not judged.
        last_ts: time of the last committed frame, 0 at the start of a day.
    """

    def __init__(
        self, config: FeedConfig, instruments: Sequence[Instrument], access: Access, session: SessionDay | None = None, last_ts: int = 0
    ) -> None:
        limit = MODES.get(config.link.mode)
        if limit is None:
            raise Refused(
                f"unknown feed mode {config.link.mode!r}{did_you_mean(config.link.mode, MODES)}: set it under [feed] in the settings"
            )
        if not 0 < len(instruments) <= limit:
            raise Refused(
                f"{len(instruments)} symbols do not fit one connection in mode {config.link.mode} (1 to {limit}): change the watchlist"
            )
        self._config = config
        self._access = access
        self._keys = [i.instrument_key for i in instruments]
        self._decoder = Decoder(instruments)
        self._quarantine = Quarantine(config.quarantine)
        groups = {group_of(i) for i in instruments}
        windows = tuple(w for g in Group if g in groups for w in session.continuous(g)) if session is not None else ()
        self._open_ms = session.open_ms(Group.EQ) if session is not None else 0
        day_ms = ist_ms(session.date, "00:00") if session is not None else 0
        self._day = (day_ms, day_ms + DAY_MS) if session is not None else (0, 1 << 62)
        self._continuity = Continuity(last_ts if last_ts >= day_ms else 0, config.silence_ms, windows)
        self._seen = np.zeros(len(instruments), np.bool_)
        self._link: Link | None = None
        self._statuses: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._unknown: set[str] = set()
        self._is_closing = False
        self._is_over = False
        self._tries = 0
        self._next_try = 0.0
        self._since = 0.0
        self._last_error = ""

    @property
    def watermark(self) -> int:
        """Event time of the newest frame given or proven repeated: nothing older will come."""
        return self._continuity.last_ts

    @property
    def is_over(self) -> bool:
        """The exchange closed and the broker ended the connection."""
        return self._is_over

    def read(self, limit: int, timeout_s: float) -> list[TickBatch | MarketStatus]:
        """Return up to about ``limit`` records; fewer when the time is up (connecting counts), none when it is quiet.

        All records of one frame (gap, states, rows) come in one read, whatever the limit: the caller commits a read as
        a whole, and a restart takes up after the frame's time, which they share.

        Raises:
            Unauthorised: the token is absent, expired or was turned down; the message names the login command.
        """
        deadline = time.monotonic() + timeout_s
        out: list[TickBatch | MarketStatus] = []
        while len(out) < limit and not self._is_over:
            if self._link is None and out:
                break  # what is here should not wait for a connection
            link = self._link or self._connect(deadline - time.monotonic())
            if link is None:
                break
            try:
                frame = link.receive(0.0 if out else deadline - time.monotonic())
            except LinkLost as lost:
                self._lost(lost)
                continue
            if frame is None:
                break
            self._take(frame, out)
        return out

    def close(self) -> None:
        """Leave the feed; a later read connects again."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def status(self) -> dict[str, str | int]:
        """Return the state of the connection and every count, for ``feed:status`` and the page."""
        state = "over" if self._is_over else "connected" if self._link is not None else "waiting"
        return {
            "state": state,
            "mode": self._config.link.mode,
            "last_ts": self.watermark,
            "subscribed": len(self._keys),
            "unseen": int(np.count_nonzero(~self._seen)),
            **{name: self._counts[name] for name in ("connects", "frames", "ticks", "gaps", "repeats", "refused_frames", "refused_rows")},
            "refused_why": "; ".join(f"{reason}={count}" for reason, count in sorted(self._reasons.items())[:20]),
            "unknown_keys": len(self._unknown),
            "quarantine_lost": self._quarantine.lost,
            "failed_tries": self._tries,
            "last_error": self._last_error,
        }

    def _connect(self, patience_s: float) -> Link | None:
        """Make one attempt when it is due, else wait for it as long as the caller has time."""
        pause = self._next_try - time.monotonic()
        if pause > 0:
            time.sleep(max(0.0, min(pause, patience_s)))
            if pause > patience_s:
                return None
        token = self._access.token()
        try:
            self._link = Link.open(self._config.link, token, self._keys)
        except Unauthorised:
            self._access.reject(token)
            raise
        except (Refused, Ambiguous) as error:
            self._failed(str(error))
            return None
        self._counts["connects"] += 1
        self._since = time.monotonic()
        self._continuity.connected()
        log.info("feed connected", extra={"fields": {"connects": self._counts["connects"], "symbols": len(self._keys)}})
        return self._link

    def _failed(self, why: str) -> None:
        self._tries += 1
        pause = min(self._config.backoff_cap_s, self._config.backoff_s * 2.0 ** min(self._tries - 1, 16))
        # Jitter, so that many clients do not come back in step after an outage.
        self._next_try = time.monotonic() + pause * (0.5 + secrets.randbelow(1_000) / 2_000)
        self._last_error = why
        log.warning("feed not connected", extra={"fields": {"why": why, "try": self._tries, "pause_s": round(pause, 1)}})

    def _lost(self, lost: LinkLost) -> None:
        self.close()
        if lost.code == NORMAL_CLOSE and self._is_closing:
            self._is_over = True
            log.info("feed over", extra={"fields": {"frames": self._counts["frames"]}})
            return
        if time.monotonic() - self._since > STEADY_S:
            self._tries = 0
        self._failed(f"connection lost: {lost}")

    def _take(self, frame: bytes | str, out: list[TickBatch | MarketStatus]) -> None:
        recv = time.time_ns() // 1_000_000
        try:
            found = self._decoder.decode(frame, recv)
            place = self._place(found.ts)
        except FrameRefused as refusal:
            self._refuse(frame, refusal.reason)
            return
        self._count(frame, found)
        self._merge(found)
        if place.is_repeat:
            self._counts["repeats"] += 1
            return
        if place.gap is not None:
            out.append(self._gap(place.gap, recv))
        if found.statuses:
            merged = tuple(sorted(self._statuses.items()))
            out.append(MarketStatus(self.watermark, merged, self._is_closing))
        if found.batch is not None:
            out.append(TickBatch(self.watermark, found.batch.rows, recv))

    def _place(self, ts: int) -> Place:
        if not self._day[0] <= ts < self._day[1]:
            raise FrameRefused("other_day", f"currentTs {ts} is not of this session's date")
        place = self._continuity.place(ts)
        if place.is_backward:
            raise FrameRefused("time_went_back", f"currentTs {ts} after {self.watermark}")
        return place

    def _count(self, frame: bytes | str, found: Decoded) -> None:
        self._counts["frames"] += 1
        if found.batch is not None:
            self._counts["ticks"] += len(found.batch.rows)
            self._seen[found.batch.rows["sid"]] = True
        if found.refused:
            self._counts["refused_rows"] += len(found.refused)
            self._reasons.update(reason for _, reason in found.refused)
            self._quarantine.keep(frame, found.refused[0][1])
        for key in found.unknown:
            if key not in self._unknown and len(self._unknown) < MAX_UNKNOWN:
                self._unknown.add(key)
                log.warning("feed key not in the watchlist", extra={"fields": {"key": key}})

    def _merge(self, found: Decoded) -> None:
        """Keep segment states; a message may tell only some of them, and at night the feed shows yesterday's end."""
        self._statuses.update(found.statuses)
        if found.statuses:
            self._is_closing = self._statuses.get("NSE_EQ") == SESSION_OVER and found.ts >= self._open_ms

    def _refuse(self, frame: bytes | str, reason: str) -> None:
        self._counts["refused_frames"] += 1
        self._reasons[reason] += 1
        self._quarantine.keep(frame, reason)
        log.warning("feed frame refused", extra={"fields": {"reason": reason, "bytes": len(frame)}})

    def _gap(self, gap: tuple[int, int], recv: int) -> TickBatch:
        """Build the entry that marks a gap.

        It stands just before the first frame seen again, so that a restart between the two does not take that frame
        for one it has.
        """
        last, first = gap
        self._counts["gaps"] += 1
        row = np.zeros(1, TICK)
        row["sid"], row["kind"] = NO_SYMBOL, TickKind.GAP
        row["ltt"], row["ts_exch"] = last, first
        log.warning("feed gap", extra={"fields": {"from": last, "to": first, "ms": first - last}})
        return TickBatch(max(last, first - 1), row, recv)
