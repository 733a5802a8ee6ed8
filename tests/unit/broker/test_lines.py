import time

import pytest

from pipeline.broker.lines import Access, Lines, LineState
from pipeline.broker.link import ArrivalKind, LinkConfig
from pipeline.broker.plan import Plan
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from tests.fakes.broker_server import eventually
from tests.fakes.links import FakeLinks

TWO = Plan(({"a": "full", "b": "full"}, {"c": "ltpc"}))
FAILED = ArrivalKind.FAILED


class World:
    def __init__(self, plan=TWO, backoff=(0.0001, 0.001), **config):
        self.tokens, self.rejected, self.asked = ["good"], [], 0
        self.links = FakeLinks()
        self.made = 0
        self.lines = Lines(LinkConfig(**config), Access(self._token, self.rejected.append), self._make, backoff)
        self.lines.follow(plan)

    def _make(self):
        self.made += 1
        return self.links

    def _token(self):
        self.asked += 1
        if isinstance(self.tokens[0], Exception):
            raise self.tokens[0]
        return self.tokens[0]

    def turn(self):
        return self.lines.receive(0.0)

    def open_all(self):
        for number in range(len(self.lines.plan.links)):
            eventually(lambda n=number: not self.turn() and len(self.links.connecting) > 0 and self.links.connecting[-1][0] == n)
            self.links.open(number)
            self.turn()

    def states(self):
        return [line.state for line in self.lines.lines.values()]


@pytest.fixture
def world():
    made = World()
    made.open_all()
    return made


def test_connections_are_opened_one_at_a_time_each_with_a_fresh_token():
    world = World()
    world.turn()
    world.turn()
    assert world.links.connecting == [(0, "good", {"full": ["a", "b"]})]
    world.tokens = ["fresh"]
    world.links.open(0)
    world.turn()
    world.turn()
    assert world.links.connecting[1:] == [(1, "fresh", {"ltpc": ["c"]})]
    assert world.states() == [LineState.OPEN, LineState.CONNECTING]


def test_a_failure_is_tried_again_for_ever(world):
    world.links.lose(0)
    world.turn()
    for n in range(1, 40):
        eventually(lambda n=n: not world.turn() and len(world.links.connecting) == 2 + n)
        world.links.put(0, FAILED, Ambiguous("cannot be reached"))
        world.turn()
        assert world.lines.tries == n + 1
    assert world.states() == [LineState.WAITING, LineState.OPEN]
    assert world.lines.last_error == "cannot be reached"


def test_pauses_grow_to_the_cap_with_jitter():
    world = World(Plan(({"a": "full"},)), backoff=(1.0, 8.0))
    line = world.lines.lines[0]
    seen = []
    for _ in range(6):
        line.next_try_ns = 0
        world.turn()
        world.links.put(0, FAILED, Ambiguous("x"))
        before = time.monotonic_ns()
        world.turn()
        seen.append((line.next_try_ns - before) / 1e9)
    for pause, most in zip(seen, (1, 2, 4, 8, 8, 8), strict=True):
        assert most / 2 <= pause <= most + 0.5


def test_a_wait_ends_when_the_next_attempt_is_due():
    world = World(Plan(({"a": "full"},)), backoff=(30.0, 30.0))
    world.turn()
    world.links.put(0, FAILED, Ambiguous("x"))
    world.turn()
    world.lines.receive(60.0)
    assert 10 < world.links.waits[-1] <= 30
    world.lines.receive(0.5)
    assert world.links.waits[-1] == 0.5


def test_a_dead_token_is_tried_once_for_all_connections(world):
    world.links.lose(0)
    world.links.lose(1)
    world.turn()
    eventually(lambda: not world.turn() and len(world.links.connecting) == 3)
    world.links.put(world.links.connecting[-1][0], FAILED, Unauthorised("401: run `ticktick login --open`"))
    world.turn()
    assert world.rejected == ["good"]
    assert "ticktick login" in world.lines.needs_login
    asked = world.asked
    eventually(lambda: not world.turn() and world.asked >= asked + 1)  # it is looked for again, not tried
    assert len(world.links.connecting) == 3
    world.tokens = ["new"]
    world.lines._token_at_ns = 0
    eventually(lambda: not world.turn() and len(world.links.connecting) == 4)
    assert world.links.connecting[-1][1] == "new"
    world.links.open(world.links.connecting[-1][0])
    world.turn()
    assert world.lines.needs_login == ""


@pytest.mark.parametrize("error", [Unauthorised("none"), Refused("the file cannot be understood")])
def test_the_token_is_looked_for_once_a_second(error):
    world = World()
    world.tokens = [error]
    for _ in range(500):
        world.turn()
    assert world.asked <= 2
    assert world.lines.needs_login == str(error)
    world.lines.receive(30.0)
    assert world.links.waits[-1] <= 1.0


def test_a_normal_close_waits_for_a_decision(world):
    world.links.lose(0, 1000)
    world.turn()
    assert world.states()[0] is LineState.CLOSED
    for _ in range(20):
        world.turn()
    assert len(world.links.connecting) == 2
    world.lines.end(0, is_over=False)
    eventually(lambda: not world.turn() and len(world.links.connecting) == 3)
    world.links.open(0)
    world.links.lose(0, 1000)
    world.turn()
    world.lines.end(0, is_over=True)
    assert world.states()[0] is LineState.ENDED


def test_the_difference_is_asked_for_on_open_connections(world):
    world.lines.follow(Plan(({"a": "ltpc", "d": "full"}, {"c": "ltpc"})))
    assert world.links.sent == [(0, "unsub", "", ["b"]), (0, "change_mode", "ltpc", ["a"]), (0, "sub", "full", ["d"])]
    assert world.lines.lines[0].carries == {"a": "ltpc", "d": "full"}


def test_a_connection_without_keys_is_left_and_a_new_one_is_opened(world):
    world.lines.follow(Plan(({}, {"c": "ltpc"}, {"d": "full"})))
    assert world.links.dropped == [0]
    eventually(lambda: not world.turn() and world.links.connecting[-1][0] == 2)
    world.lines.follow(Plan(({"a": "full"}, {"c": "ltpc"})))
    assert world.links.dropped == [0, 2]
    eventually(lambda: not world.turn() and world.links.connecting[-1] == (0, "good", {"full": ["a"]}))


def test_what_changed_while_it_was_opened_is_asked_for_then():
    world = World(Plan(({"a": "full"},)))
    world.turn()
    world.lines.follow(Plan(({"b": "full"},)))
    assert world.links.sent == []
    world.links.open(0)
    world.turn()
    assert world.links.sent == [(0, "unsub", "", ["a"]), (0, "sub", "full", ["b"])]


def test_keys_are_asked_for_again_in_their_mode(world):
    world.lines.ask_again(0, ["a", "b"])
    world.lines.ask_again(1, ["c"])
    assert world.links.sent == [(0, "sub", "full", ["a", "b"]), (1, "sub", "ltpc", ["c"])]


def test_silence_is_pinged_and_then_left():
    world = World(Plan(({"a": "full"},)), ping_after_s=20.0, dead_after_s=60.0)
    world.turn()
    world.links.open(0)
    world.turn()
    line = world.lines.lines[0]
    line.life_ns -= 30_000_000_000
    line.pinged_ns -= 30_000_000_000
    world.turn()
    world.turn()
    assert world.links.pinged == [0]
    world.links.life[0] = time.monotonic_ns()  # the pong
    world.turn()
    assert world.states() == [LineState.OPEN]
    world.links.life[0] = 0
    line.life_ns -= 61_000_000_000
    world.turn()
    (lost,) = world.turn()
    assert (lost[0], lost[1]) == (0, ArrivalKind.LOST)
    assert "no sign of life for 61 s" in str(lost[2])
    assert world.links.dropped == [0]
    assert world.states() == [LineState.WAITING]


def test_what_was_under_way_while_we_were_busy_is_life():
    world = World(Plan(({"a": "full"},)), dead_after_s=60.0)
    world.turn()
    world.links.open(0)
    world.turn()
    world.lines.lines[0].life_ns -= 100_000_000_000  # nobody received for so long
    world.links.put(0, ArrivalKind.FRAME, b"x")
    world.turn()
    assert world.states() == [LineState.OPEN]


def test_a_connection_is_left_once(world):
    world.lines.leave(0, "stalled")
    world.lines.leave(0, "stalled again")
    found = world.turn()
    assert [str(what) for _, _, what, _ in found] == ["1006 stalled"]


def test_closing_and_coming_back(world):
    world.lines.close()
    assert world.links.is_closed
    world.turn()
    assert world.made == 2
    assert len(world.links.connecting) == 3
