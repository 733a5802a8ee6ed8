import pytest

from pipeline.broker.plan import NORMAL, Limits
from pipeline.broker.subscriptions import Subscriptions
from pipeline.core.errors import Refused
from pipeline.core.feed import SubscriptionChange
from pipeline.core.types import Instrument

WATCH = tuple(
    Instrument(n, f"S{n}", f"NSE_EQ|INE00000000{n}", f"S{n}", 5, 1, 1, is_cas_eligible=False, mode=mode, is_followed=n != 3)
    for n, mode in enumerate(("", "ltpc", "", "option_greeks"))
)
KEYS = [i.instrument_key for i in WATCH]


def change(symbol, action="add", mode=""):
    return SubscriptionChange(1, symbol, action, mode, "test")


@pytest.fixture
def subscriptions():
    return Subscriptions(WATCH, "full", NORMAL)


def test_the_watchlist_says_who_is_followed_and_how(subscriptions):
    assert subscriptions.wanted == {KEYS[0]: "full", KEYS[1]: "ltpc", KEYS[2]: "full"}
    assert subscriptions.plan.by_mode(0) == {"full": [KEYS[0], KEYS[2]], "ltpc": [KEYS[1]]}


def test_changes_are_folded_in_their_order(subscriptions):
    assert (
        subscriptions.apply([change("S3"), change("s0", "remove"), change("S1", mode="full"), change("S0.NS"), change(KEYS[0], "remove")])
        == []
    )
    assert subscriptions.wanted == {KEYS[1]: "full", KEYS[2]: "full", KEYS[3]: "option_greeks"}


def test_a_change_that_changes_nothing_keeps_the_plan(subscriptions):
    before = subscriptions.plan.links
    assert subscriptions.apply([change("S0"), change("S3", "remove")]) == []
    assert subscriptions.plan.links == before


def test_what_cannot_be_followed_is_refused_by_itself(subscriptions):
    told = subscriptions.apply([change("S9"), change("S3", "follow"), change("S0", mode="full_d30"), change("S2", "remove")])
    assert len(told) == subscriptions.refusals == 3
    assert "'S9' is not in the watchlist" in told[0]
    assert "unknown action 'follow'" in told[1]
    assert "full_d30 is not in the normal plan" in told[2]
    assert list(subscriptions.refused) == told
    assert subscriptions.wanted == {KEYS[0]: "full", KEYS[1]: "ltpc"}


def test_more_than_fits_is_refused_and_the_rest_stands():
    tiny = Limits("tiny", 1, {"full": 2, "ltpc": 2, "option_greeks": 2}, {"full": 2, "ltpc": 1, "option_greeks": 1})
    subscriptions = Subscriptions(WATCH, "full", tiny)
    before = subscriptions.plan
    (told,) = subscriptions.apply([change("S0", mode="ltpc")])
    assert "do not fit 1 connections" in told
    assert subscriptions.plan is before
    with pytest.raises(Refused, match="do not fit"):
        Subscriptions(WATCH, "ltpc", tiny)
