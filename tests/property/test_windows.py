"""Never above any window of the broker, exits never starved, and nearly all of the allowance usable."""

from bisect import bisect_left, bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.broker.throttle import MemoryThrottle
from pipeline.broker.windows import GUARD_MS, ORDER_WINDOWS, Urgency, Window

ENTRY, EXIT = Urgency.ENTRY, Urgency.EXIT
SMALL = (Window(5, 1_000, 2), Window(20, 10_000, 4), Window(60, 60_000, 6))


class Clock:
    def __init__(self):
        self.now = 1_000_000

    def __call__(self):
        return self.now


def most_in(instants, window_ms):
    """The fullest half-open window of this length, whenever it begins."""
    ordered = sorted(instants)
    return max((bisect_left(ordered, at + window_ms) - n for n, at in enumerate(ordered)), default=0)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1_500), st.sampled_from([ENTRY, ENTRY, EXIT]), st.integers(1, 12), st.integers(0, GUARD_MS)), max_size=150
    )
)
def test_never_above_a_window_even_as_calls_arrive_and_exits_meet_only_exits(bursts):
    clock = Clock()
    throttle = MemoryThrottle(SMALL, clock)
    arrived, sent_exits = [], []
    for pause, urgency, size, travel in bursts:
        clock.now += pause
        for _ in range(size):
            wait = throttle.take(urgency)
            if wait == 0:
                arrived.append(clock.now + travel)
                if urgency is EXIT:
                    sent_exits.append(clock.now)
            elif urgency is EXIT:
                counts = [len(sent_exits) - bisect_right(sent_exits, clock.now - w.held_ms) for w in SMALL]
                assert any(count >= w.reserve for count, w in zip(counts, SMALL, strict=True)), "entries starve no exit"
    for window in SMALL:
        assert most_in(arrived, window.window_ms) <= window.calls


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-5_000, 3_000), st.sampled_from([ENTRY, EXIT])), max_size=120))
def test_a_clock_that_is_set_back_never_lets_more_through_and_never_blocks_for_long(moves):
    clock, real = Clock(), 0
    throttle, sent = MemoryThrottle(SMALL, clock), []
    for move, urgency in moves:
        real += abs(move)
        clock.now += move
        wait = throttle.take(urgency)
        assert wait <= max(w.held_ms for w in SMALL)
        if wait == 0 and move >= 0:
            sent.append(real)


def greedy(urgency, minutes):
    """Send whenever it is allowed; give the instants."""
    clock = Clock()
    throttle, sent, end = MemoryThrottle(ORDER_WINDOWS, clock), [], Clock().now + minutes * 60_000
    while clock.now < end:
        wait = throttle.take(urgency)
        if wait == 0:
            sent.append(clock.now)
        clock.now += wait
    return sent


def test_at_least_95_per_cent_of_each_long_allowance_is_usable():
    for urgency, least in ((ENTRY, 0.95), (EXIT, 0.995)):
        sent = greedy(urgency, 62)
        assert most_in(sent, 60_000) >= 500 * least
        assert most_in(sent, 1_800_000) >= 2_000 * least
        assert len(sent) >= 2 * 2_000 * least, "two half hours after one another"
        for window in ORDER_WINDOWS:
            assert most_in(sent, window.window_ms) <= window.calls


def test_an_exit_finds_its_reserve_while_entries_take_all_they_can():
    clock = Clock()
    throttle, waits = MemoryThrottle(ORDER_WINDOWS, clock), []
    for n in range(31 * 60):
        while throttle.take(ENTRY) == 0:
            pass
        if n % 30 == 0:
            waits.append(throttle.take(EXIT))
        clock.now += 1_000
    assert waits == [0] * len(waits)
