"""Candles of past days, made from the seed: any day, any unit, ending at the generated day's previous close.

Reads   seed, calendar, the session date and its previous close
Writes  Bars: 375 one-minute bars a day (09:15 to 15:29), as the broker serves; volume in shares
A day's close is found by walking back from the previous close, one seeded return a day; its minutes are a
bridge from open to close on the tick. Stocks of the closing auction have flat bars without volume from 15:15.
The same question gives the same answer in every process. Never asks a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from pipeline.core.session import Calendar, Group, SessionDay, ist_ms
from pipeline.core.types import MINUTE_MS
from pipeline.simulator.listing import Listing, rng, tick_paise
from pipeline.simulator.market import Bar

DAILY = 0.014
FIRST_MINUTE_DATE = "2022-01-03"
FIRST_DATE = "2010-10-18"
UNIT_MINUTES = {"minutes": 1, "hours": 60}


KEPT_DAYS = 120


@dataclass(slots=True)
class History:
    """The past of one simulated market."""

    seed: int
    session_date: str
    calendar: Calendar
    _closes: dict[str, dict[str, float]] = field(default_factory=dict)
    _minutes: dict[tuple[str, str], list[Bar]] = field(default_factory=dict)
    """The days made last: one paper's timeframes are asked for one after the other."""

    def minutes(self, listing: Listing, prev_close: float, date_iso: str) -> list[Bar]:
        """One-minute bars of one past trading day."""
        place = (listing.key, date_iso)
        if place not in self._minutes:
            if len(self._minutes) >= KEPT_DAYS:
                self._minutes.pop(next(iter(self._minutes)))
            self._minutes[place] = self._make(listing, prev_close, date_iso)
        return self._minutes[place]

    def _make(self, listing: Listing, prev_close: float, date_iso: str) -> list[Bar]:
        day = self.calendar.day(date_iso)
        if day is None or date_iso >= self.session_date:
            return []
        close = self.close(listing, prev_close, date_iso)
        before = self.close(listing, prev_close, self.calendar.previous(date_iso))
        return _bridge(self.seed, listing, day, before, close)

    def close(self, listing: Listing, prev_close: float, date_iso: str) -> float:
        """The official close of a past trading day."""
        known = self._closes.setdefault(listing.key, {self.calendar.previous(self.session_date): prev_close})
        at = min(known)
        tick = tick_paise(listing, self.session_date)
        while at > date_iso:
            ret = float(np.clip(rng(self.seed, at, listing.key, "day").normal(0.0003, DAILY), -0.08, 0.08))
            earlier = self.calendar.previous(at)
            # The floor keeps a long walk back from reaching nothing.
            ticks = max(100, round(known[at] / float(np.exp(ret)) * 100 / tick))
            known[earlier] = round(ticks * tick / 100, 2)
            at = earlier
        return known[date_iso]

    def bars(self, listing: Listing, prev_close: float, unit: str, interval: int, span: tuple[str, str]) -> list[Bar]:
        """Bars of the dates [from, to], oldest first."""
        days = [d for d in _dates(max(span[0], FIRST_DATE), span[1]) if d < self.session_date and self.calendar.day(d) is not None]
        if unit in UNIT_MINUTES:
            size = UNIT_MINUTES[unit] * interval
            return [b for d in days if d >= FIRST_MINUTE_DATE for b in self._intraday(listing, prev_close, d, size)]
        daily = [_whole(self.minutes(listing, prev_close, d), ist_ms(d, "00:00")) for d in days]
        return _periods(daily, unit)

    def _intraday(self, listing: Listing, prev_close: float, date_iso: str, size: int) -> list[Bar]:
        day = self.calendar.day(date_iso)
        return [] if day is None else aggregate(self.minutes(listing, prev_close, date_iso), lambda ts: day.candle_start(ts, size))


def aggregate(bars: Iterable[Bar], start_of: Callable[[int], int]) -> list[Bar]:
    """Join bars that begin in the same period."""
    out: list[Bar] = []
    for bar in bars:
        ts = start_of(bar.ts)
        if out and out[-1].ts == ts:
            last = out[-1]
            last.high, last.low = max(last.high, bar.high), min(last.low, bar.low)
            last.close, last.vol = bar.close, last.vol + bar.vol
        else:
            out.append(Bar(ts, bar.open, bar.high, bar.low, bar.close, bar.vol))
    return out


def filled(bars: list[Bar], windows: Iterable[tuple[int, int]], until_ms: int) -> list[Bar]:
    """Put flat bars without volume into the minutes that had no trade, as the broker's candles do."""
    known = {bar.ts: bar for bar in bars}
    out: list[Bar] = []
    for start, end in windows:
        for ts in range(start, min(end, until_ms), MINUTE_MS):
            bar = known.get(ts)
            if bar is not None:
                out.append(bar)
            elif out:
                px = out[-1].close
                out.append(Bar(ts, px, px, px, px, 0))
    return out


def _bridge(seed: int, listing: Listing, day: SessionDay, before: float, close: float) -> list[Bar]:
    draw = rng(seed, day.date, listing.key, "minutes")
    tick = tick_paise(listing, day.date)
    windows = day.continuous(listing.group(day.date))
    starts = np.concatenate([np.arange(w.start_ms, w.end_ms, MINUTE_MS) for w in windows])
    n, steps = len(starts), 6
    place = np.linspace(0, 1, n * steps)
    shape = 0.7 + 1.6 * np.exp(-place / 0.06) + 0.9 * np.exp(-(1 - place) / 0.07)
    walk = np.cumsum(draw.standard_t(4, n * steps) / np.sqrt(2) * np.sqrt(shape) * DAILY * 0.9 / np.sqrt(n * steps))
    start, end = np.log(before) + draw.normal(0, 0.004), np.log(close)
    path = start + walk - place * (start + walk[-1] - end)
    px = np.round(np.rint(np.exp(path) * 100 / tick) * tick / 100, 2).reshape(n, steps)
    px[-1, -1] = close
    per_minute = listing.turnover_cr * 1e7 / before / n
    volume = (per_minute * shape[::steps] * draw.lognormal(-0.15, 0.55, n)).astype(np.int64)
    columns = (starts.tolist(), px[:, 0].tolist(), px.max(axis=1).tolist(), px.min(axis=1).tolist(), px[:, -1].tolist(), volume.tolist())
    bars = [Bar(*row) for row in zip(*columns, strict=True)]
    cash = day.hours(Group.EQ)
    return filled(bars, cash, cash[-1][1]) if listing.group(day.date) is Group.EQ_CAS else bars


def _whole(bars: list[Bar], ts: int) -> Bar:
    joined = aggregate(bars, lambda _: ts)
    return joined[0]


def _periods(daily: list[Bar], unit: str) -> list[Bar]:
    if unit == "days":
        return daily
    return aggregate(daily, _week_start if unit == "weeks" else _month_start)


def _day_of(ts: int) -> date:
    return date(1970, 1, 1) + timedelta(days=(ts + 19_800_000) // 86_400_000)


def _week_start(ts: int) -> int:
    day = _day_of(ts)
    return ist_ms((day - timedelta(days=day.weekday())).isoformat(), "00:00")


def _month_start(ts: int) -> int:
    return ist_ms(_day_of(ts).replace(day=1).isoformat(), "00:00")


def _dates(first: str, last: str) -> Iterator[str]:
    at, end = date.fromisoformat(first), date.fromisoformat(last)
    while at <= end:
        yield at.isoformat()
        at += timedelta(days=1)
