import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.broker.quota import STANDARD_READS, Limit, ReadBudget, at_rate, scaled
from pipeline.core.errors import Refused


def test_the_published_limits():
    assert [(limit.calls, limit.window_ms) for limit in STANDARD_READS] == [(50, 1_000), (500, 60_000), (2_000, 1_800_000)]


def test_a_burst_is_spread():
    budget = ReadBudget()
    at = [budget.reserve(0) for _ in range(2_001)]
    assert at[49] == 0
    assert at[50] == 1_000
    assert at[499] == 9_000
    assert at[500] == 60_000
    assert at[1_999] < 1_800_000
    assert at[2_000] == 1_800_000
    assert budget.used == 2_001


@given(st.lists(st.integers(0, 400), min_size=1, max_size=300))
def test_no_window_ever_holds_more_than_its_limit(pauses):
    limits = (Limit(3, 100), Limit(10, 1_000))
    budget = ReadBudget(limits)
    now, at = 0, []
    for pause in pauses:
        now += pause
        at.append(budget.reserve(now))
        assert at[-1] >= now
    assert at == sorted(at)
    for limit in limits:
        for n in range(limit.calls, len(at)):
            assert at[n] - at[n - limit.calls] >= limit.window_ms


def test_a_free_budget_waits_for_nothing():
    budget = ReadBudget((Limit(1, 1_000),))
    assert budget.wait_ms(5) == 0
    assert budget.reserve(5) == 5
    assert budget.wait_ms(6) == 999
    assert budget.wait_ms(1_005) == 0


@pytest.mark.parametrize("limits", [(), (Limit(0, 1),), (Limit(1, 0),)])
def test_an_impossible_budget_is_refused(limits):
    with pytest.raises(Refused):
        ReadBudget(limits)


def test_a_faster_clock_and_even_rates():
    assert scaled((Limit(50, 1_000), Limit(2_000, 1_800_000)), 10.0) == (Limit(50, 100), Limit(2_000, 180_000))
    assert scaled((Limit(1, 1),), 10.0) == (Limit(1, 1),)
    assert (at_rate(1.0), at_rate(0.5), at_rate(8.0)) == (Limit(1, 1_000), Limit(1, 2_000), Limit(8, 1_000))


def test_calls_of_others_are_taken_over():
    one = ReadBudget((Limit(3, 100),))
    for now in (0, 10, 20, 30):
        one.reserve(now)
    two = ReadBudget((Limit(3, 100),))
    two.restore(one.instants())
    assert two.instants() == one.instants() == [10, 20, 100]
    assert two.reserve(40) == one.reserve(40) == 110
