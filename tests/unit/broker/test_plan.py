from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.broker.plan import NORMAL, PLUS, Limits, Plan, plan
from pipeline.core.errors import Refused

TINY = Limits("tiny", 3, {"ltpc": 5, "full": 3, "full_d30": 2}, {"ltpc": 3, "full": 2, "full_d30": 9})


def keys(count: int, mode: str, letter: str = "k") -> dict[str, str]:
    return {f"{letter}{mode}{n}": mode for n in range(count)}


def assert_lawful(found: Plan, wanted: dict[str, str], limits: Limits) -> None:
    assert {key: mode for link in found.links for key, mode in link.items()} == wanted
    assert sum(len(link) for link in found.links) == len(wanted)
    assert len(found.links) <= limits.connections
    for link in found.links:
        count = Counter(link.values())
        for mode, used in count.items():
            assert used <= limits.alone[mode]
            assert len(count) == 1 or used <= limits.mixed[mode]


@pytest.mark.parametrize(
    ("wanted", "connections"),
    [
        ({}, 0),
        (keys(15, "full"), 1),
        (keys(2_000, "full"), 1),
        (keys(2_001, "full"), 2),
        (keys(4_000, "full"), 2),
        (keys(5_000, "ltpc") | keys(2_000, "full"), 2),
        (keys(2_000, "ltpc") | keys(1_500, "full") | keys(2_000, "option_greeks"), 1),
        (keys(2_001, "ltpc") | keys(1_500, "full"), 2),
        (keys(2_000, "full") | keys(1, "ltpc"), 2),
    ],
)
def test_as_few_connections_as_needed(wanted, connections):
    found = plan(wanted, NORMAL)
    assert_lawful(found, wanted, NORMAL)
    assert len(found.links) == connections


def test_thirty_levels_need_the_plus_plan_and_fifty_keys_a_connection():
    with pytest.raises(Refused, match="full_d30 is not in the normal plan"):
        plan(keys(1, "full_d30"), NORMAL)
    assert [len(link) for link in plan(keys(250, "full_d30"), PLUS).links] == [50] * 5
    mixed = keys(50, "full_d30") | keys(1_500, "full")
    assert len(plan(mixed, PLUS).links) == 1
    with pytest.raises(Refused, match=r"251 full_d30 \(at most 50 a connection\) do not fit 5 connections"):
        plan(keys(251, "full_d30"), PLUS)


def test_what_does_not_fit_is_named_in_one_line():
    with pytest.raises(Refused) as caught:
        plan(keys(4_000, "full") | keys(1, "ltpc"), NORMAL)
    assert str(caught.value).startswith(
        "4000 full (at most 2000 a connection), 1 ltpc (at most 5000 a connection) do not fit 2 connections"
    )
    assert "\n" not in str(caught.value)


def test_a_misspelt_mode_is_refused_with_the_nearest():
    with pytest.raises(Refused, match="did you mean 'full'"):
        plan({"a": "fulll"}, NORMAL)


def test_adding_a_key_moves_no_other():
    before = plan(keys(2_500, "full"), NORMAL)
    after = plan(keys(2_500, "full") | {"new": "full"}, NORMAL, before)
    assert all(after.link_of(key) == before.link_of(key) for key in keys(2_500, "full"))
    assert after.link_of("new") == 1


def test_a_full_connection_makes_another_open():
    before = plan(keys(2_000, "full"), NORMAL)
    after = plan(keys(2_000, "full") | {"new": "ltpc"}, NORMAL, before)
    assert after.links[0] == before.links[0]
    assert after.links[1] == {"new": "ltpc"}


def test_keys_move_only_when_they_must():
    before = plan(keys(3, "full") | keys(3, "full", "m") | keys(1, "ltpc"), TINY)
    grown = keys(3, "full") | keys(3, "full", "m") | keys(1, "ltpc") | keys(4, "ltpc", "n")
    assert_lawful(plan(grown, TINY, before), grown, TINY)


def test_a_removed_key_leaves_the_rest_and_an_empty_tail_is_dropped():
    before = plan(keys(2_001, "full"), NORMAL)
    smaller = dict(list(keys(2_001, "full").items())[:2_000])
    assert plan(smaller, NORMAL, before).links == (smaller,)
    assert plan({}, NORMAL, before).links == ()


def test_an_empty_connection_in_front_keeps_its_number():
    before = plan(keys(2_000, "full") | {"last": "full"}, NORMAL)
    after = plan({"last": "full"}, NORMAL, before)
    assert after.links == ({}, {"last": "full"})


def test_keys_by_mode():
    found = plan({"a": "full", "b": "ltpc", "c": "full"}, NORMAL)
    assert found.by_mode(0) == {"full": ["a", "c"], "ltpc": ["b"]}
    assert found.by_mode(1) == {}
    assert found.link_of("d") is None


MODE = st.sampled_from(["ltpc", "full", "full_d30"])


@given(st.lists(st.dictionaries(st.integers(0, 30).map(str), MODE, max_size=14), min_size=1, max_size=6))
def test_a_chain_of_changes_is_lawful_or_refused_as_a_fresh_plan_would_be(chain):
    before = None
    for wanted in chain:
        try:
            fresh = plan(wanted, TINY)
        except Refused:
            with pytest.raises(Refused):
                plan(wanted, TINY, before)
            continue
        assert_lawful(fresh, wanted, TINY)
        before = plan(wanted, TINY, before)
        assert_lawful(before, wanted, TINY)
