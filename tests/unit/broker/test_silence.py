import numpy as np
import pytest

from pipeline.broker.heard import Heard
from pipeline.broker.silence import LONGEST_PAUSE_MS, Remedy, Silence
from pipeline.core.session import Group, Phase, SessionDay, Window

OPEN, CLOSE = 100_000_000, 122_500_000
DAY = SessionDay(
    "2026-09-25",
    "regular",
    {
        Group.EQ: (Window(Phase.PRE_OPEN, OPEN - 900_000, OPEN), Window(Phase.CONTINUOUS, OPEN, CLOSE)),
        Group.EQ_CAS: (Window(Phase.CONTINUOUS, OPEN, CLOSE - 900_000), Window(Phase.AUCTION, CLOSE - 900_000, CLOSE)),
        Group.FO: (Window(Phase.CONTINUOUS, OPEN, CLOSE + 600_000),),
        Group.INDEX: (Window(Phase.CONTINUOUS, OPEN, CLOSE),),
    },
)
GROUPS = [Group.EQ, Group.EQ_CAS, Group.FO]
ALL = np.arange(3)
SILENT, CONFIRM = 60_000, 10_000


@pytest.fixture
def heard():
    return Heard(3)


@pytest.fixture
def silence(heard):
    made = Silence(heard, GROUPS, DAY, SILENT, CONFIRM)
    made.follow(ALL, OPEN - 900_000)
    return made


def test_nobody_is_suspect_outside_continuous_trading(silence):
    for now in range(OPEN - 3_600_000, OPEN, 30_000):
        assert silence.suspects(now) == []
    for now in range(CLOSE + 600_000, CLOSE + 7_200_000, 30_000):
        assert silence.suspects(now) == []


def test_the_first_minute_after_the_open_raises_nothing(silence):
    assert silence.suspects(OPEN) == []
    assert silence.suspects(OPEN + SILENT - 1) == []
    assert silence.suspects(OPEN + SILENT) == [0, 1, 2]


def test_each_group_has_its_own_phases(silence, heard):
    heard.at_ms[:] = CLOSE - 1_000_000
    assert silence.suspects(CLOSE - 900_001) == [0, 1, 2]
    heard.at_ms[:] = CLOSE - 900_000
    assert silence.suspects(CLOSE - 840_000) == [0, 2]  # the auction has begun for the other
    heard.at_ms[:] = CLOSE - 60_000
    assert silence.suspects(CLOSE) == [2]


def test_a_fresh_subscription_has_its_time(silence, heard):
    heard.at_ms[:] = OPEN + 1
    silence.follow(np.array([1]), OPEN + 600_000)
    assert silence.suspects(OPEN + 600_000) == [0, 2]
    assert silence.suspects(OPEN + 600_000 + SILENT - 1) == []  # the others were asked about just now
    assert 1 in silence.suspects(OPEN + 600_000 + SILENT)


def test_who_is_not_followed_is_never_suspect(silence):
    silence.leave(np.array([0, 2]))
    assert silence.suspects(OPEN + 600_000) == [1]


def test_a_quiet_market_is_asked_about_ever_more_rarely(silence):
    now, asked = OPEN + SILENT, []
    while now < OPEN + 3_600_000:
        if 0 in silence.suspects(now):
            asked.append(now)
            for sid in range(3):
                assert silence.answer(sid, has_moved=False, now_ms=now + 500) is Remedy.NONE
        now += 1_000
    pauses = np.diff(asked)
    assert pauses[0] == pytest.approx(2 * SILENT, abs=2_000)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_MS, abs=2_000)
    assert (np.diff(pauses) >= 0).all()
    assert len(asked) < 16
    assert silence.stalled() == []


def test_a_word_of_it_begins_anew(silence, heard):
    now = OPEN + SILENT
    silence.suspects(now)
    silence.answer(0, has_moved=False, now_ms=now)
    heard.at_ms[:] = now + 1_000
    assert 0 in silence.suspects(now + 1_000 + SILENT)


def test_a_stalled_symbol_is_asked_for_then_reconnected_then_only_told(silence):
    now = OPEN + SILENT
    assert 0 in silence.suspects(now)
    assert silence.answer(0, has_moved=True, now_ms=now) is Remedy.RESUBSCRIBE
    assert silence.stalled() == [0]
    assert 0 not in silence.suspects(now + CONFIRM - 1)
    now += CONFIRM
    assert 0 in silence.suspects(now)
    assert silence.answer(0, has_moved=True, now_ms=now) is Remedy.RECONNECT
    silence.follow(ALL, now + 1_000)  # the new connection
    now += 1_000 + SILENT
    assert 0 in silence.suspects(now)
    assert silence.answer(0, has_moved=True, now_ms=now) is Remedy.SAY
    assert 0 not in silence.suspects(now + SILENT)
    assert 0 in silence.suspects(now + 2 * SILENT)


def test_a_symbol_that_comes_and_goes_costs_ever_fewer_reconnects(silence, heard):
    now, reconnects = OPEN + SILENT, []
    while now < CLOSE - 1_000_000:
        if 0 in silence.suspects(now):
            remedy = silence.answer(0, has_moved=True, now_ms=now)
            if remedy is Remedy.RECONNECT:
                reconnects.append(now)
                heard.at_ms[0] = now + 500  # a snapshot, and silence again
        now += 1_000
    assert len(reconnects) >= 3
    assert (np.diff(np.diff(reconnects)) > 0).all()


def test_an_answer_that_comes_too_late_means_nothing(silence, heard):
    now = OPEN + SILENT
    silence.suspects(now)
    heard.at_ms[0] = now + 1
    assert silence.answer(0, has_moved=True, now_ms=now + 2) is Remedy.NONE
    silence.leave(np.array([1]))
    assert silence.answer(1, has_moved=True, now_ms=now + 2) is Remedy.NONE


def test_without_a_session_nothing_is_judged(heard):
    silence = Silence(heard, GROUPS, None, SILENT, CONFIRM)
    silence.follow(ALL, 0)
    assert silence.suspects(OPEN + 10 * SILENT) == []
    assert not silence.is_trading(OPEN + 1)


def test_trading_is_any_groups_trading(silence):
    assert not silence.is_trading(OPEN - 1)
    assert silence.is_trading(CLOSE + 1)
    assert not silence.is_trading(CLOSE + 600_000)
