"""Spans of dates: joined, cut and counted. A span is (first, last), both inclusive, ISO dates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from pipeline.archive.period import Period

Span = tuple[str, str]
EVER: Span = ("1900-01-01", "2999-12-31")
"""Every date that an archive can hold."""
ONE = timedelta(days=1)


def moved(date_iso: str, days: int) -> str:
    """Give the date so many days later."""
    return (date.fromisoformat(date_iso) + timedelta(days=days)).isoformat()


def joined(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap or touch, oldest first.

    >>> joined([("2026-01-03", "2026-01-04"), ("2026-01-01", "2026-01-02")])
    [('2026-01-01', '2026-01-04')]
    """
    out: list[Span] = []
    for first, last in sorted(spans):
        if out and first <= moved(out[-1][1], 1):
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def without(span: Span, covered: Iterable[Span]) -> list[Span]:
    """Give what of a span is not covered, oldest first."""
    at, end = span
    out: list[Span] = []
    for first, last in joined(covered):
        if last < at or first > end:
            continue
        if first > at:
            out.append((at, moved(first, -1)))
        at = max(at, moved(last, 1))
    return [*out, (at, end)] if at <= end else out


def within(span: Span, covered: Iterable[Span]) -> list[Span]:
    """Give what of a span is covered, oldest first."""
    first, last = span
    return [(max(a, first), min(b, last)) for a, b in joined(covered) if a <= last and b >= first]


def dates(span: Span) -> Iterator[str]:
    """Give each date of a span."""
    at, end = date.fromisoformat(span[0]), date.fromisoformat(span[1])
    while at <= end:
        yield at.isoformat()
        at += ONE


def requests(span: Span, period: Period) -> list[Span]:
    """Cut a span into what the broker gives at once, newest first, at the ends of calendar months."""
    out: list[Span] = []
    at, end = span
    while at <= end:
        years, month = divmod((_months(at) // period.months_a_call + 1) * period.months_a_call, 12)
        last = end if years > date.max.year else min(end, (date(years, month + 1, 1) - ONE).isoformat())
        out.append((at, last))
        at = moved(last, 1)
    return out[::-1]


def whole(span: Span, period: Period) -> Span:
    """Widen the beginning of a span to a whole week or month, and leave out the one that is not over at its end."""
    first, last = date.fromisoformat(span[0]), date.fromisoformat(span[1])
    if period.unit == "weeks":
        return (first - first.weekday() * ONE).isoformat(), (last - (last.weekday() + 1) % 7 * ONE).isoformat()
    if period.unit == "months":
        is_end = (last + ONE).day == 1
        return first.replace(day=1).isoformat(), (last if is_end else last.replace(day=1) - ONE).isoformat()
    return span


def parts(span: Span, period: Period) -> list[tuple[str, Span]]:
    """Cut a span at the edges of the archive's files: (name of the part, its span), oldest first."""
    out: dict[str, Span] = {}
    for day in dates(span):
        name = period.part(day)
        out[name] = (out[name][0] if name in out else day, day)
    return list(out.items())


def _months(date_iso: str) -> int:
    return int(date_iso[:4]) * 12 + int(date_iso[5:7]) - 1
