import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.broker.quota import Limit, ReadBudget
from pipeline.broker.quotes_check import PATH, CheckConfig, Quote, QuotesCheck, Verdicts, read_quotes
from pipeline.broker.rest import Throttled
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from tests.fakes.broker_server import eventually

KEY = "NSE_EQ|INE002A01018"
INDEX = "NSE_INDEX|Nifty 50"
OURS = (1_412.35, 1_000)


def verdicts():
    return Verdicts(CheckConfig(grace_s=2.0, forget_s=60.0))


def test_the_same_volume_is_quiet_at_once_whatever_the_price():
    judge = verdicts()
    assert judge.quoted(KEY, OURS, Quote(141_235, 1_000), 0.0) is False
    assert judge.quoted(KEY, OURS, Quote(141_240, 1_000), 1.0) is False
    assert judge.quoted(KEY, OURS, Quote(141_235, 900), 2.0) is False


def test_a_quote_ahead_is_a_doubt_and_after_the_grace_a_stall():
    judge = verdicts()
    assert judge.quoted(KEY, OURS, Quote(141_300, 1_010), 10.0) is None
    assert judge.told(KEY, OURS, 11.9) is None
    assert judge.told(KEY, OURS, 12.0) is True


def test_a_doubt_ripens_by_itself_once_and_not_for_ever():
    judge = verdicts()
    judge.quoted(KEY, OURS, Quote(141_300, 1_010), 10.0)
    judge.quoted(INDEX, (25_000.0, 0), Quote(2_501_000, 0), 10.0)
    assert judge.ripe(11.9) == {}
    assert judge.ripe(12.0) == {KEY: OURS}
    assert judge.ripe(13.0) == {}
    judge.quoted(KEY, OURS, Quote(141_300, 1_020), 20.0)
    assert judge.ripe(80.5) == {}


def test_a_feed_that_caught_up_is_no_stall():
    judge = verdicts()
    assert judge.quoted(KEY, OURS, Quote(141_300, 1_010), 10.0) is None
    assert judge.told(KEY, (1_413.0, 1_010), 13.0) is False
    assert judge.told(KEY, (1_413.0, 1_010), 20.0) is None


def test_a_feed_that_moved_at_all_since_is_alive():
    judge = verdicts()
    assert judge.quoted(KEY, OURS, Quote(141_300, 1_010), 10.0) is None
    assert judge.told(KEY, (1_412.4, 1_005), 13.0) is False


def test_an_old_doubt_is_a_first_look_again():
    judge = verdicts()
    judge.quoted(KEY, OURS, Quote(141_300, 1_010), 0.0)
    assert judge.told(KEY, OURS, 60.5) is None
    assert judge.quoted(KEY, OURS, Quote(141_300, 1_020), 61.0) is None
    assert judge.told(KEY, OURS, 63.0) is True


def test_without_volume_the_price_must_differ_twice():
    judge = verdicts()
    ours = (25_010.5, 0)
    assert judge.quoted(INDEX, ours, Quote(2_501_050, 0), 0.0) is False
    assert judge.quoted(INDEX, ours, Quote(2_501_100, 0), 1.0) is None
    assert judge.told(INDEX, ours, 9.0) is None
    assert judge.quoted(INDEX, ours, Quote(2_501_050, 0), 11.0) is False
    assert judge.quoted(INDEX, ours, Quote(2_501_100, 0), 21.0) is None
    assert judge.quoted(INDEX, ours, Quote(2_501_150, 0), 22.0) is None
    assert judge.quoted(INDEX, ours, Quote(2_501_150, 0), 31.0) is True


def test_float_noise_is_no_other_price():
    assert (
        verdicts().quoted(INDEX, (52.05, 0), read_quotes({"x": {"instrument_token": INDEX, "last_price": 52.04999923706055}})[INDEX], 0.0)
        is False
    )


def test_one_quote_gives_one_alarm():
    judge = verdicts()
    quote = Quote(141_300, 1_010)
    judge.quoted(KEY, OURS, quote, 0.0)
    assert judge.told(KEY, OURS, 2.0) is True
    assert judge.told(KEY, OURS, 4.0) is None
    assert judge.quoted(KEY, OURS, quote, 10.0) is False
    assert judge.quoted(KEY, OURS, Quote(141_300, 1_015), 20.0) is None
    assert judge.told(KEY, OURS, 22.0) is True


def test_a_broker_that_counts_otherwise_alarms_once_not_at_every_silence():
    judge = verdicts()
    alarms = 0
    for n in range(20):
        ours, quote = (100.0, 1_000 + 10 * n), Quote(10_000, 1_050 + 10 * n)
        for look in range(3):
            at = n * 100.0 + look * 10
            alarms += judge.told(KEY, ours, at) is True
            alarms += judge.quoted(KEY, ours, quote, at) is True
    assert alarms == 1


def test_what_was_allowed_is_taken_back_when_the_counts_agree():
    judge = verdicts()
    judge.quoted(KEY, OURS, Quote(1, 1_050), 0.0)
    judge.told(KEY, OURS, 3.0)
    judge.quoted(KEY, OURS, Quote(1, 1_050), 10.0)
    assert judge.quoted(KEY, (2.0, 1_200), Quote(1, 1_240), 100.0) is False
    assert judge.quoted(KEY, (2.0, 1_300), Quote(1, 1_300), 110.0) is False
    assert judge.quoted(KEY, (2.0, 1_300), Quote(1, 1_301), 120.0) is None


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 3), st.booleans()), max_size=60), st.floats(0.0, 1.9))
def test_a_feed_that_is_late_by_less_than_the_grace_never_alarms(steps, lag):
    """The feed shows the market of ``lag`` seconds ago: whatever is looked at whenever, no look says stall.

    A doubt that ripens by itself is dropped by whoever heard the key since, and it was heard.
    """
    judge, now, volume = verdicts(), 0.0, 1_000
    market = [(-10.0, volume)]
    for pause, traded, is_quote in steps:
        now += pause
        volume += traded
        market.append((now, volume))
        ours = (100.0, max(v for at, v in market if at <= now - lag))
        assert judge.ripe(now).get(KEY) != ours
        assert judge.told(KEY, ours, now) is not True
        if is_quote:
            assert judge.quoted(KEY, ours, Quote(10_000, volume), now) is not True


@given(st.integers(1, 1_000), st.floats(2.0, 59.0))
def test_a_stall_is_always_found_at_the_first_ask_after_the_grace(more, later):
    judge = verdicts()
    assert judge.quoted(KEY, OURS, Quote(1, 1_000 + more), 0.0) is None
    assert judge.told(KEY, OURS, later) is True


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        {"last_price": 1.0},
        {"instrument_token": 5, "last_price": 1.0},
        {"instrument_token": KEY},
        {"instrument_token": KEY, "last_price": "1.0"},
        {"instrument_token": KEY, "last_price": 0},
        {"instrument_token": KEY, "last_price": True},
        {"instrument_token": KEY, "last_price": float("inf")},
        {"instrument_token": KEY, "last_price": 1.0, "volume": -1},
        {"instrument_token": KEY, "last_price": 1.0, "volume": "many"},
    ],
)
def test_entries_of_another_shape_are_left_out(entry):
    good = {"instrument_token": INDEX, "last_price": 25_010.5, "volume": 0}
    assert read_quotes({"NSE_EQ:RELIANCE": entry, "NSE_INDEX:Nifty 50": good}) == {INDEX: Quote(2_501_050, 0)}
    assert read_quotes([entry]) == {}


class Broker:
    """Answers quotes from ``market``; ``fail`` holds errors to raise first."""

    def __init__(self, market, fail=()):
        self.market, self.fail = market, list(fail)
        self.asked: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.under_way = self.most = 0

    def get_data(self, path, query):
        assert path == PATH
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        keys = query["instrument_key"].split(",")
        self.asked.append(keys)
        self.gate.wait(10)
        self.under_way -= 1
        if self.fail:
            raise self.fail.pop(0)
        return {
            f"S:{k}": {"last_price": self.market[k][0], "instrument_token": k, "volume": self.market[k][1]}
            for k in keys
            if k in self.market
        }


@pytest.fixture
def checks():
    made = []

    def make(broker, budget=None, **config):
        check = QuotesCheck(broker, budget or ReadBudget(), CheckConfig(**({"min_pause_s": 0.01, "grace_s": 0.03} | config)))
        made.append(check)
        return check

    yield make
    for check in made:
        check.close()


def asked_until(check, keys, found):
    """Ask as the feed does, again and again, until ``found`` of the answers so far."""
    answers = []

    def is_found():
        check.ask(keys)
        answers.extend(check.answers())
        return found(dict(answers))

    eventually(is_found)
    return dict(answers)


def test_quiet_and_stalled_papers(checks):
    check = checks(Broker({KEY: (1_413.0, 1_010), INDEX: (25_000.0, 0)}))
    keys = {KEY: OURS, INDEX: (25_000.0, 0)}
    assert asked_until(check, keys, lambda found: found.get(KEY) is True and INDEX in found)[INDEX] is False
    counts = check.counts()
    assert counts["moved"] >= 1
    assert counts["calls"] >= 1


def test_one_ask_is_enough(checks):
    check = checks(Broker({KEY: (1_413.0, 1_010), INDEX: (25_010.0, 0)}))
    check.ask({KEY: OURS, INDEX: (25_000.0, 0)})
    found = []
    eventually(lambda: found.extend(check.answers()) or len(found) == 2)
    assert dict(found) == {KEY: True, INDEX: True}


def test_an_answer_about_older_values_is_not_given(checks):
    check = checks(Broker({KEY: OURS}))
    check.ask({KEY: OURS})
    eventually(lambda: check.counts()["quiet"] == 1)
    check.ask({KEY: (1_500.0, 1_001)})
    assert check.answers() == []


def test_an_ask_returns_at_once_and_one_call_is_under_way(checks):
    broker = Broker({KEY: OURS, INDEX: (25_000.0, 0)})
    broker.gate.clear()
    check = checks(broker)
    check.ask({KEY: OURS})
    eventually(lambda: len(broker.asked) == 1)
    check.ask({INDEX: (25_000.0, 0)})
    assert check.answers() == []
    broker.gate.set()
    eventually(lambda: len(broker.asked) == 2)
    eventually(lambda: check.counts()["quiet"] == 2)
    assert sorted(check.answers()) == [(KEY, False), (INDEX, False)]
    assert broker.most == 1


def test_many_keys_go_in_calls_of_five_hundred(checks):
    keys = {f"NSE_EQ|{n}": (10.0, 5) for n in range(1_201)}
    broker = Broker(keys)
    check = checks(broker)
    check.ask(keys)
    eventually(lambda: check.counts()["quiet"] == 1_201)
    assert [len(keys) for keys in broker.asked] == [500, 500, 201]


def test_a_key_that_was_never_seen_is_not_judged(checks):
    broker = Broker({KEY: OURS})
    check = checks(broker)
    check.ask({INDEX: (0.0, 0), KEY: OURS})
    eventually(lambda: check.counts()["quiet"] == 1)
    assert broker.asked == [[KEY]]


def test_faults_give_no_answer_and_are_said_once_per_kind(checks, caplog):
    faults = [Throttled("429"), Throttled("429"), Ambiguous("503"), Unauthorised("401"), Refused("shape")]
    broker = Broker({KEY: OURS}, faults)
    check = checks(broker)
    found = asked_until(check, {KEY: OURS}, lambda found: KEY in found)
    assert found == {KEY: False}
    assert check.counts()["failed"] == 5
    said = [record.fields["kind"] for record in caplog.records if record.name == "ticktick.quotes"]
    assert said == ["Throttled", "Ambiguous", "Unauthorised", "Refused"]


def test_a_key_that_the_broker_leaves_out_has_no_answer(checks):
    check = checks(Broker({}))
    check.ask({KEY: OURS})
    eventually(lambda: check.counts()["left_out"] == 1)
    assert check.answers() == []


def test_the_pause_and_the_budget_hold(checks):
    broker, budget = Broker({KEY: OURS}), ReadBudget((Limit(1, 3_600_000),))
    budget.reserve(int(time.monotonic() * 1000))
    check = checks(broker, budget)
    check.ask({KEY: OURS})
    eventually(lambda: budget.used == 2)
    slow = checks(broker, min_pause_s=3_600.0)
    slow.ask({KEY: OURS})
    eventually(lambda: slow.counts()["quiet"] == 1)
    slow.ask({KEY: OURS})
    assert slow.counts()["waiting"] == 1
    assert broker.asked == [[KEY]]


def test_closing_ends_the_thread_even_while_it_waits(checks):
    check = checks(Broker({KEY: OURS}), min_pause_s=3_600.0)
    check.ask({KEY: OURS})
    eventually(lambda: check.counts()["quiet"] == 1)
    check.close()
    assert not any(t.name == "quotes-check" for t in threading.enumerate())
    check.ask({KEY: OURS})
    assert check.counts()["calls"] == 1
