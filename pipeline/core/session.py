"""The exchange's clock: trading days and the phases of each, per group of instruments, in IST.

Reads the parsed ``config/holidays.json`` (phases with effective dates, holidays, special sessions); gives
instants in epoch milliseconds UTC. IST exists here, in the logs and on the page, nowhere else.
Never asks what time it is, and holds no date or clock time of its own: a new rule of the exchange is a new row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pipeline.core.errors import Refused
from pipeline.core.types import MINUTE_MS, Instrument

IST = timezone(timedelta(hours=5, minutes=30), "IST")
IST_OFFSET_MS = 19_800_000
DAY_MS = 86_400_000
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
SATURDAY = 5
LONGEST_CLOSURE_DAYS = 30


class Group(StrEnum):
    """Which clock an instrument follows."""

    EQ = "EQ"
    EQ_CAS = "EQ_CAS"
    """Cash stocks that go into the closing auction."""
    FO = "FO"
    INDEX = "INDEX"


class Phase(StrEnum):
    CLOSED = "CLOSED"
    PRE_OPEN = "PRE_OPEN"
    PRE_OPEN_MATCH = "PRE_OPEN_MATCH"
    """Matching of the pre-open orders and the pause until the open."""
    CONTINUOUS = "CONTINUOUS"
    AUCTION_REFERENCE = "AUCTION_REFERENCE"
    """No entry: the exchange computes the auction's reference price."""
    AUCTION = "AUCTION"
    AUCTION_LIMIT = "AUCTION_LIMIT"
    """Limit orders only; ends at a random moment of its last minutes."""
    AUCTION_MATCH = "AUCTION_MATCH"
    POST_CLOSE = "POST_CLOSE"


@dataclass(frozen=True, slots=True)
class Window:
    """A phase over [start, end), epoch milliseconds."""

    phase: Phase
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class SessionDay:
    """One trading day. ``kind`` is ``regular``, ``special`` or ``muhurat``."""

    date: str
    kind: str
    windows: Mapping[Group, tuple[Window, ...]]

    def phase_at(self, ts_ms: int, group: Group) -> Phase:
        for window in self.windows[group]:
            if window.start_ms <= ts_ms < window.end_ms:
                return window.phase
        return Phase.CLOSED

    def continuous(self, group: Group) -> tuple[Window, ...]:
        """Return the windows of continuous trading; two on a disaster-recovery day."""
        return tuple(w for w in self.windows[group] if w.phase is Phase.CONTINUOUS)

    def hours(self, group: Group) -> list[tuple[int, int]]:
        """Return the stretches of continuous trading as (start, end) ms."""
        return [(w.start_ms, w.end_ms) for w in self.continuous(group)]

    def open_ms(self, group: Group) -> int:
        return self.continuous(group)[0].start_ms

    def close_ms(self, group: Group) -> int:
        """Return the end of the last continuous window, before any closing auction."""
        return self.continuous(group)[-1].end_ms

    def candle_start(self, ts_ms: int, minutes: int, group: Group = Group.EQ) -> int:
        """Floor to a multiple of ``minutes`` counted from the day's continuous open, before it as well as after.

        A pause does not move the count: after it, candles go on from the same open.
        """
        anchor = self.open_ms(group)
        return anchor + (ts_ms - anchor) // (minutes * MINUTE_MS) * (minutes * MINUTE_MS)


_Clock = tuple[tuple[Phase, str, str], ...]


@dataclass(frozen=True, slots=True)
class _Special:
    kind: str
    description: str
    clocks: Mapping[Group, _Clock | None]
    """None: the regular phases of that date. Empty: its hours are not known."""


class Calendar:
    """Trading days by date. Years without a list know weekends and special days only; see :meth:`is_listed`."""

    def __init__(
        self,
        regular: Mapping[Group, Sequence[tuple[str, _Clock]]],
        holidays: Mapping[str, str],
        special: Mapping[str, _Special],
        listed_years: Sequence[int],
    ) -> None:
        self._regular = regular
        self._holidays = holidays
        self._special = special
        self._listed_years = frozenset(listed_years)
        self._days: dict[str, SessionDay | None] = {}

    @classmethod
    def from_rows(cls, rows: Mapping[str, Any]) -> Calendar:
        """Build from the parsed ``config/holidays.json``.

        Raises:
            Refused: one line naming the row that cannot be understood.
        """
        where = "regular"
        try:
            regular: dict[Group, list[tuple[str, _Clock]]] = {group: [] for group in Group}
            for row in rows["regular"]:
                where = f"regular row from {row.get('from')}"
                regular[Group(row["group"])].append((_date(row["from"]).isoformat(), _clock(row["phases"])))
            for group, versions in regular.items():
                versions.sort(key=lambda version: version[0])
                where = f"no regular row for group {group}"
                _ = versions[0]
            where = "holidays"
            holidays = {_date(row["date"]).isoformat(): str(row["description"]) for row in rows["holidays"]}
            special: dict[str, _Special] = {}
            for row in rows["special"]:
                where = f"special row of {row.get('date')}"
                special[_date(row["date"]).isoformat()] = _special(row)
            where = "listed_years"
            years = [int(year) for year in rows["listed_years"]]
            where = "observed_closed"
            for row in rows["observed_closed"]:
                years.append(int(row["year"]))
                holidays |= {_date(f"{row['year']}-{day}").isoformat(): "no trading seen" for day in row["days"]}
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, Refused) as error:
            raise Refused(f"holidays.json: {where}: {error}; correct that row, see the file's note") from error
        return cls(regular, holidays, special, years)

    def day(self, date_iso: str) -> SessionDay | None:
        """Return the day's phases, or None when there is no trading (or its hours are not known yet)."""
        if date_iso not in self._days:
            self._days[date_iso] = self._build(date_iso)
        return self._days[date_iso]

    def previous(self, date_iso: str) -> str:
        """Return the trading date before this one."""
        at = _date(date_iso)
        for back in range(1, LONGEST_CLOSURE_DAYS):
            earlier = (at - timedelta(days=back)).isoformat()
            if self.day(earlier) is not None:
                return earlier
        raise Refused(f"no trading day in the {LONGEST_CLOSURE_DAYS} days before {date_iso}: check config/holidays.json")

    def reason(self, date_iso: str) -> str:
        """Say why a date is closed or special; empty on a regular day."""
        if date_iso in self._special:
            return self._special[date_iso].description
        if date_iso in self._holidays:
            return self._holidays[date_iso]
        return "weekend" if _date(date_iso).weekday() >= SATURDAY else ""

    def is_listed(self, date_iso: str) -> bool:
        """Tell whether the holidays of that year are in the file, by the exchange's list or by the days without trading."""
        return _date(date_iso).year in self._listed_years

    def _build(self, date_iso: str) -> SessionDay | None:
        at = _date(date_iso)
        special = self._special.get(at.isoformat())
        if special is None:
            if at.weekday() >= SATURDAY or date_iso in self._holidays:
                return None
            return SessionDay(date_iso, "regular", {group: self._regular_windows(date_iso, group) for group in Group})
        if not special.clocks:
            return None
        clocks = special.clocks.items()
        own = {group: self._regular_windows(date_iso, group) if clock is None else _windows(date_iso, clock) for group, clock in clocks}
        return SessionDay(date_iso, special.kind, own)

    def _regular_windows(self, date_iso: str, group: Group) -> tuple[Window, ...]:
        versions = [clock for since, clock in self._regular[group] if since <= date_iso]
        if not versions:
            raise Refused(f"the session times of {date_iso} are not in config/holidays.json: add a regular row for group {group}")
        return _windows(date_iso, versions[-1])


def group_of(instrument: Instrument) -> Group:
    """Tell which clock an instrument follows, by its key and its auction flag."""
    segment = instrument.instrument_key.partition("|")[0]
    if instrument.is_index or segment in ("NSE_INDEX", "BSE_INDEX"):
        return Group.INDEX
    if segment in ("NSE_FO", "BSE_FO"):
        return Group.FO
    if segment in ("NSE_EQ", "BSE_EQ"):
        return Group.EQ_CAS if instrument.is_cas_eligible else Group.EQ
    raise Refused(f"{instrument.symbol}: segment {segment} has no session times here: use NSE_EQ, NSE_FO or NSE_INDEX (or BSE)")


def ist_ms(date_iso: str, clock: str) -> int:
    """Turn an IST date and clock time (``09:15``, ``09:15:30``) into epoch milliseconds."""
    try:
        moment = datetime.fromisoformat(f"{date_iso}T{clock}").replace(tzinfo=IST)
    except ValueError as error:
        raise Refused(f"{date_iso} {clock} is no date and time: write 2026-11-20 and 09:15 or 09:15:30") from error
    return int(moment.timestamp()) * 1000


def ist_day(ts_ms: Any) -> Any:
    """Number the Indian day of an instant, or of an array of them, from 1970-01-01."""
    return (ts_ms + IST_OFFSET_MS) // DAY_MS


def ist_date(ts_ms: int) -> str:
    return _day_text(ist_day(ts_ms))


def ist_clock(ts_ms: int) -> str:
    """Write an instant as ``HH:MM:SS``."""
    seconds = (ts_ms + IST_OFFSET_MS) % DAY_MS // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def ist_text(ts_ms: int) -> str:
    """Write an instant as ``2026-11-20 09:15:00.123 +05:30``."""
    return f"{ist_date(ts_ms)} {ist_clock(ts_ms)}.{ts_ms % 1000:03d} +05:30"


@lru_cache(maxsize=1024)
def _day_text(day: int) -> str:
    """Write a day counted from 1970-01-01; whole days of integers, since India keeps one offset all year."""
    return date.fromordinal(EPOCH_ORDINAL + day).isoformat()


def _date(date_iso: str) -> date:
    try:
        at = date.fromisoformat(date_iso)
    except (ValueError, TypeError) as error:
        raise Refused(f"{date_iso!r} is no date: write it as 2026-11-20") from error
    if at.isoformat() != date_iso:
        # Dates are compared as text: another spelling of the same day would miss its holiday.
        raise Refused(f"{date_iso!r} is not written as {at.isoformat()}")
    return at


def _clock(phases: Sequence[Sequence[str]]) -> _Clock:
    """Check one list of phases: known names, ascending, not overlapping, with continuous trading."""
    clock = tuple((Phase(name), _hhmm(start), _hhmm(end)) for name, start, end in phases)
    if all(phase is not Phase.CONTINUOUS for phase, _, _ in clock):
        raise ValueError("no CONTINUOUS phase")
    edges = [edge for _, start, end in clock for edge in (start, end)]
    if edges != sorted(edges) or any(start == end for _, start, end in clock):
        raise ValueError("phases overlap or are out of order")
    return clock


def _hhmm(clock: str) -> str:
    return datetime.strptime(clock, "%H:%M").replace(tzinfo=IST).strftime("%H:%M")


def _special(row: Mapping[str, Any]) -> _Special:
    kind = str(row["kind"])
    if kind not in ("special", "muhurat"):
        raise ValueError(f"kind {kind!r} is neither special nor muhurat")
    phases = row["phases"]
    if phases == "to be notified":
        return _Special(kind, f"{row['description']}; write its hours into config/holidays.json to trade it", {})
    by_group = phases if isinstance(phases, dict) else dict.fromkeys(Group, phases)
    if set(by_group) != set(Group):
        raise ValueError(f"phases are given for {', '.join(by_group)}: give them for {', '.join(Group)}")
    clocks = {group: None if by_group[group] == "regular" else _clock(by_group[group]) for group in Group}
    return _Special(kind, str(row["description"]), clocks)


def _windows(date_iso: str, clock: _Clock) -> tuple[Window, ...]:
    return tuple(Window(phase, ist_ms(date_iso, start), ist_ms(date_iso, end)) for phase, start, end in clock)
