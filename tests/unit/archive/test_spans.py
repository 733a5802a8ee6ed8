from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.archive.period import Period
from pipeline.archive.spans import dates, joined, moved, parts, requests, whole, within, without

DAYS = st.integers(0, 900).map(lambda n: date.fromordinal(738_000 + n).isoformat())
SPANS = st.tuples(DAYS, DAYS).map(lambda pair: (min(pair), max(pair)))


def held(spans):
    return {day for span in spans for day in dates(span)}


@given(SPANS, st.lists(SPANS, max_size=6))
def test_covered_and_uncovered_make_the_whole(span, covered):
    inside, outside = within(span, covered), without(span, covered)
    assert held(inside) == held([span]) & held(covered)
    assert held(outside) == held([span]) - held(covered)
    assert sum(len(list(dates(s))) for s in [*inside, *outside]) == len(list(dates(span)))


@given(st.lists(SPANS, max_size=6))
def test_joined_spans_hold_the_same_days_and_do_not_touch(spans):
    found = joined(spans)
    assert held(found) == held(spans)
    assert all(moved(a[1], 1) < b[0] for a, b in pairwise(found))


@given(SPANS, st.sampled_from([Period("minutes", 1), Period("minutes", 30), Period("hours", 2), Period("days"), Period("weeks")]))
def test_requests_cover_the_span_once_and_stay_within_the_limits(span, period):
    found = requests(span, period)
    assert found == sorted(found, reverse=True)
    assert [d for s in reversed(found) for d in dates(s)] == list(dates(span))
    widest = {1: 31, 3: 92, 120: 3653, 12_000: 10**6}[period.months_a_call]
    assert all((date.fromisoformat(b) - date.fromisoformat(a)).days < widest for a, b in found)
    assert [d for _, s in parts(span, period) for d in dates(s)] == list(dates(span))


def test_whole_weeks_and_months():
    assert whole(("2026-11-04", "2026-11-19"), Period("weeks")) == ("2026-11-02", "2026-11-15")
    assert whole(("2026-11-04", "2026-11-15"), Period("weeks")) == ("2026-11-02", "2026-11-15")
    assert whole(("2026-02-04", "2026-11-19"), Period("months")) == ("2026-02-01", "2026-10-31")
    assert whole(("2026-02-04", "2026-11-30"), Period("months")) == ("2026-02-01", "2026-11-30")
    assert whole(("2026-02-04", "2026-11-19"), Period("minutes")) == ("2026-02-04", "2026-11-19")
