"""The feed's view: absent stays absent, a dead process is not connected, every trouble is told once."""

from __future__ import annotations

import pytest

from tests.fakes.day_in_redis import FEED
from web import feed

WELL = {name: str(value) for name, value in FEED.items()}


def codes(
    is_live: bool = True, is_token_told: bool = False, has_beat: bool = True, is_folding: bool = False, **fields: object
) -> list[tuple]:
    shown = feed.feed({**WELL, **{name: str(value) for name, value in fields.items()}}, has_beat=has_beat, is_folding=is_folding)
    return [(alert["level"], alert["code"]) for alert in feed.alerts(shown, is_live=is_live, is_token_told=is_token_told)]


def test_nothing_told_is_nothing_known():
    shown = feed.feed({})
    assert {name for name in (*feed.COUNTERS, *feed.GAUGES) if shown[name] is not None} == {"gaps", "refused_frames"}
    assert feed.alerts(shown, is_live=True, is_token_told=False) == []


def test_a_good_feed_raises_nothing_and_shows_its_figures():
    assert codes() == []
    shown = feed.feed(WELL)
    assert (shown["state"], shown["subscribed"], shown["ticks"], shown["skew_ms"]) == ("connected", 15, 201_377, 38)
    assert shown["repairs"] == {"repairs_repaired": 0}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "login needed"}, [("error", "feed_login")]),
        ({"state": "partly connected"}, [("warn", "feed_partly")]),
        ({"state": "waiting"}, []),
        ({"clock_lag_ms": 1999}, []),
        ({"clock_lag_ms": 2000}, [("warn", "feed_late")]),
        ({"clock_lag_ms": 5000}, [("error", "feed_late")]),
        ({"unconfirmed": 1}, [("warn", "feed_unconfirmed")]),
        ({"stalled": 3}, [("warn", "feed_stalled")]),
        ({"folded_rows": 900}, []),
        ({"folded_rows": 900, "is_folding": True}, [("warn", "feed_folding")]),
        ({"gaps": 2, "refused_frames": 1}, [("warn", "feed_gap"), ("warn", "feed_refused")]),
        ({"gaps": "many", "unconfirmed": "nan", "clock_lag_ms": ""}, []),
    ],
)
def test_each_trouble_has_its_alert(fields, expected):
    assert codes(**fields) == expected


def test_what_a_dead_process_said_of_the_moment_is_no_alarm_but_the_day_is():
    assert codes(has_beat=False, state="login needed", unconfirmed=2, stalled=1, clock_lag_ms=9000, gaps=1, is_folding=True) == [
        ("warn", "feed_gap")
    ]


def test_outside_the_session_a_late_clock_or_a_missing_link_is_no_alarm():
    assert codes(is_live=False, clock_lag_ms=9000, state="partly connected") == []


def test_a_login_is_asked_for_once():
    assert codes(is_token_told=True, state="login needed") == []


def test_words_count_and_name():
    shown = feed.feed({**WELL, "unconfirmed": "2", "unconfirmed_names": "TCS, M&M", "gaps": "1", "state": "login needed"})
    told = [alert["text"] for alert in feed.alerts(shown, is_live=True, is_token_told=False)]
    assert told == [
        "the feed waits for a login: ticktick login --open",
        "2 symbols not confirmed by the broker, without a price: TCS, M&M",
        "1 gap in the feed today: candles over it are marked",
    ]


def test_followed_counts_by_state_and_leaves_ages_out():
    wanted = {"A": "full link=0 confirmed age=1.2s", "B": "full link=0 unconfirmed", "C": "off", "D": "full link=1 waiting age=9.0s"}
    found = feed.followed(wanted)
    assert found == {"confirmed": 1, "off": 1, "doubtful": 2, "names": ["B: full link=0 unconfirmed", "D: full link=1 waiting"]}
    assert found == feed.followed({symbol: told.replace("1.2s", "2.2s").replace("9.0s", "10.0s") for symbol, told in wanted.items()})
    assert len(feed.followed({str(n): "" for n in range(500)})["names"]) == feed.DOUBTFUL


def test_wanted_is_counted_from_the_hash_when_the_status_lacks_it():
    assert feed.feed({}, feed.followed({"A": "full confirmed", "B": "full waiting", "C": "off"}))["wanted"] == 2
    assert feed.feed({"wanted": "9"}, feed.followed({"A": "full confirmed"}))["wanted"] == 9
    assert feed.feed({}, feed.followed({}))["wanted"] is None


def test_only_known_names_and_shapes_pass():
    shown = feed.feed(
        {"repairs_gave_up": "3", "repairs_Gave": "1", "repairs_x{}": "1", "repairs_note": "text", "token": "123", "state": "x" * 5000}
    )
    assert shown["repairs"] == {"repairs_gave_up": 3}
    assert "token" not in shown
    assert len(shown["state"]) == feed.LONGEST


def test_growth_is_seen_for_a_while_and_a_restart_is_none():
    growth = feed.Growth()
    assert not growth.saw(None, 0.0)
    assert not growth.saw(500, 0.0)
    assert growth.saw(501, 1.0)
    assert growth.saw(501, 1.0 + feed.FOLDING_S - 0.1)
    assert not growth.saw(501, 1.0 + feed.FOLDING_S)
    assert not growth.saw(0, 20.0)
    assert growth.saw(1, 21.0)
