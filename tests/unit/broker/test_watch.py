import numpy as np
import pytest

from pipeline.broker.lines import Access, Lines, LineState
from pipeline.broker.link import LinkConfig
from pipeline.broker.plan import Plan
from pipeline.broker.watch import Watch
from pipeline.core.types import TICK, TickKind
from tests.fakes.links import FakeLinks
from tests.unit.broker.test_intake import DAY, KEYS, OPEN, WATCH

S = 1_000_000_000
T0 = OPEN + 600_000
PLAN = Plan(({KEYS[0]: "full", KEYS[1]: "full"}, {KEYS[2]: "ltpc"}))


class Quotes:
    def __init__(self):
        self.asked, self.told = [], []

    def ask(self, keys):
        self.asked.append(dict(keys))

    def answers(self):
        out, self.told = self.told, []
        return out

    def close(self):
        return


class World:
    """Two open connections at event time ``T0``, our monotonic clock at ``now``."""

    def __init__(self, **options):
        self.links = FakeLinks()
        self.lines = Lines(LinkConfig(), Access(lambda: "t", lambda _t: None), lambda: self.links, (1.0, 1.0))
        self.lines.follow(PLAN)
        self.quotes = Quotes()
        self.watch = Watch(WATCH, DAY, self.lines, (10.0, 60.0, 60.0), self.quotes, **options)
        self.now = 1_000 * S
        for number, line in self.lines.lines.items():
            line.state, line.carries = LineState.OPEN, dict(PLAN.links[number])
            self.watch.clock.connected(number)
        self.frame(0)
        for line in self.lines.lines.values():
            self.watch.asked(line.carries, self.now)

    def frame(self, *sids, link=0, ts=None):
        ts = T0 + self.now // 1_000_000 - 1_000_000 if ts is None else ts
        rows = np.zeros(len(sids), TICK)
        rows["sid"], rows["kind"], rows["ltp"], rows["vtt"] = sids, TickKind.LIVE, 100.0, 5
        self.watch.clock.saw(link, ts, self.now, ts)
        self.watch.heard.hear(rows, ts)

    def go(self, seconds, *, look=True):
        self.now += int(seconds * S)
        if look:
            self.watch.look(self.now)

    def asked_again(self):
        out, self.links.sent = self.links.sent, []
        return [(link, mode, keys) for link, method, mode, keys in out if method == "sub"]

    def status(self):
        return self.watch.status(self.now)


@pytest.fixture
def world():
    return World()


def test_a_key_that_does_not_answer_is_asked_for_again_and_said_once(world, caplog):
    world.frame(0)
    world.go(9)
    assert world.asked_again() == []
    assert world.status()["unconfirmed"] == 0
    world.go(2)
    assert sorted(world.asked_again()) == [(0, "full", [KEYS[1]]), (1, "ltpc", [KEYS[2]])]
    assert (world.status()["unconfirmed"], world.status()["unconfirmed_names"]) == (2, "S1, S2")
    for _ in range(40):
        world.go(1)
    assert len([r for r in caplog.records if r.message == "feed key unconfirmed"]) == 2
    assert 2 <= len(world.asked_again()) <= 6  # the pauses grow
    world.frame(1, 2)
    assert world.status()["unconfirmed"] == 0
    world.go(600)
    assert world.asked_again() == []


def test_a_reconnect_asks_for_an_answer_anew(world):
    world.frame(0, 1, 2)
    world.watch.asked([KEYS[0]], world.now)
    world.go(11)
    assert world.asked_again() == [(0, "full", [KEYS[0]])]


def test_silent_symbols_are_compared_with_the_quotes(world):
    world.frame(0, 1, 2)
    for _ in range(59):
        world.go(1)
        world.frame(0)
    assert world.quotes.asked == []
    world.go(1)
    assert world.quotes.asked == [{KEYS[1]: (100.0, 5), KEYS[2]: (100.0, 5)}]
    assert world.status()["quote_checks"] == 2


def test_when_nothing_flows_at_all_our_own_clock_goes_on(world):
    world.frame(0, 1, 2)
    world.go(61)
    assert world.quotes.asked == [dict.fromkeys(KEYS[:3], (100.0, 5))]


def test_quotes_that_agree_raise_no_alarm(world, caplog):
    world.frame(0, 1, 2)
    for _ in range(3_600):
        world.go(1)
        world.frame(link=0)
        world.quotes.told += [(key, False) for asked in world.quotes.asked[-1:] for key in asked]
    assert world.asked_again() == []
    assert world.links.dropped == []
    assert len(world.quotes.asked) < 20
    assert not [r for r in caplog.records if r.message == "feed stalled"]


def test_a_stalled_symbol_is_asked_for_again_and_then_its_connection_is_left(world):
    world.frame(0, 1, 2)
    world.go(61)
    world.quotes.told = [(KEYS[0], False), (KEYS[1], False), (KEYS[2], True), ("NSE_EQ|STRANGER", True)]
    world.go(1)
    assert world.asked_again() == [(1, "ltpc", [KEYS[2]])]
    assert (world.status()["stalled"], world.status()["stalled_names"]) == (1, "S2")
    world.go(11)
    assert KEYS[2] in world.quotes.asked[-1]
    world.quotes.told = [(KEYS[2], True)]
    world.go(1)
    assert world.links.dropped == [1]
    (lost,) = world.lines.receive(0.0)
    assert "1 symbols stalled: S2" in str(lost[2])


def test_a_symbol_of_a_connection_that_is_down_is_not_suspect(world):
    world.frame(0, 1, 2)
    world.watch.left([KEYS[2]])
    world.go(61)
    assert world.quotes.asked == [dict.fromkeys(KEYS[:2], (100.0, 5))]


def test_a_clock_that_stands_still_is_found_in_trading(world):
    for _ in range(70):
        world.go(1)
        world.frame(0, link=0, ts=T0)
        world.frame(2, link=1)
    assert world.links.dropped == [0]
    assert world.status()["clock_lag_ms"] > 60_000
    (lost,) = world.lines.receive(0.0)
    assert "the feed's clock is 6" in str(lost[2])


@pytest.mark.parametrize("wrong_ms", [-5_000, 5_000])
def test_a_wall_clock_that_is_wrong_raises_nothing(world, wrong_ms):
    for _ in range(600):
        world.go(1)
        ts = T0 + world.now // 1_000_000 - 1_000_000
        world.watch.clock.saw(0, ts, world.now, ts + wrong_ms)
        world.watch.clock.saw(1, ts, world.now, ts + wrong_ms)
        world.frame(0, 1, 2)
    assert world.links.dropped == []
    assert world.quotes.asked == []
    assert world.asked_again() == []


def test_in_a_lossless_run_our_clock_judges_nothing():
    world = World(is_judging=False)
    world.go(3_600)
    assert world.asked_again() == []
    assert world.quotes.asked == []
    assert world.links.dropped == []


def test_how_each_symbol_is_followed(world):
    world.frame(0)
    world.now += int(1.2 * S)
    world.lines.lines[1].state = LineState.WAITING
    assert world.watch.wanted_rows(world.now) == {
        "S0": "full link=0 confirmed age=1.2s",
        "S1": "full link=0 unconfirmed",
        "S2": "ltpc link=1 waiting",
        "S3": "off",
    }


def test_while_frames_wait_with_us_nothing_is_judged():
    world = World()
    world.now += 120 * S
    world.watch.look(world.now, is_behind=True)
    assert world.quotes.asked == []
    world.watch.look(world.now)
    assert world.quotes.asked


def test_an_answer_about_other_values_than_ours_now_is_dropped(caplog):
    stalls = []
    world = World(on_stall=lambda link, keys: stalls.append((link, keys)))
    world.frame(0, 1)
    world.go(61)
    asked = world.watch.heard.at_ms[0]
    assert KEYS[0] in world.quotes.asked[-1]
    world.watch.heard.vtt[0] += 1  # heard since, but stamped by the server before our guess of its time
    world.quotes.told = [(KEYS[0], True), (KEYS[1], True)]
    world.go(2)
    assert stalls == [(0, {KEYS[1]: int(asked)})]
