from hypothesis import given
from hypothesis import strategies as st

from pipeline.broker.continuity import Continuity
from pipeline.core.session import Phase, Window

DAY = (Window(Phase.CONTINUOUS, 10_000, 100_000),)


def test_a_fresh_start_is_no_gap():
    line = Continuity(0, 1_000, DAY)
    line.connected()
    assert line.place(50_000).gap is None
    assert line.last_ts == 50_000


def test_overlap_proves_that_nothing_is_missing():
    line = Continuity(50_000, 10_000, DAY)
    line.connected()
    assert line.place(49_000).is_repeat
    assert line.place(50_000).is_repeat
    found = line.place(50_500)
    assert not found.is_repeat
    assert found.gap is None


def test_without_overlap_one_gap_is_marked():
    line = Continuity(50_000, 60_000, DAY)
    line.connected()
    assert line.place(50_001).gap == (50_000, 50_001)
    assert line.place(50_002).gap is None


def test_each_blind_connect_marks_one():
    line = Continuity(0, 60_000, DAY)
    gaps = 0
    for n in range(1, 6):
        line.connected()
        gaps += sum(line.place(n * 1_000 + k).gap is not None for k in range(3))
    assert gaps == 4


def test_a_silence_in_continuous_trading_is_a_gap():
    line = Continuity(0, 5_000, DAY)
    line.connected()
    line.place(20_000)
    assert line.place(25_000).gap is None
    assert line.place(30_001).gap == (25_000, 30_001)


def test_a_silence_outside_trading_is_not():
    line = Continuity(0, 5_000, DAY)
    line.connected()
    line.place(1_000)
    assert line.place(15_000).gap is None  # five seconds of it in trading
    line.place(97_000)
    assert line.place(500_000).gap is None


def test_the_same_instant_again_is_no_repeat_while_connected():
    line = Continuity(0, 0)
    line.connected()
    line.place(1_000)
    assert not line.place(1_000).is_repeat


def test_a_little_back_is_taken_and_far_back_is_not():
    line = Continuity(0, 0)
    line.connected()
    line.place(10_000)
    assert not line.place(9_000).is_backward
    assert line.place(8_999).is_backward
    assert line.last_ts == 10_000


@given(st.lists(st.integers(1, 50), min_size=2, max_size=60), st.data())
def test_a_held_replay_from_any_point_gives_each_frame_once_and_no_gap(steps, data):
    times = [1_000]
    for step in steps:
        times.append(times[-1] + step)
    cut = data.draw(st.integers(1, len(times)))
    back = data.draw(st.integers(1, cut))
    line = Continuity(0, 0)
    line.connected()
    got = [t for t in times[:cut] if not line.place(t).is_repeat]
    line.connected()
    places = [(t, line.place(t)) for t in times[cut - back :]]
    got += [t for t, place in places if not place.is_repeat]
    assert got == times
    assert all(place.gap is None for _, place in places)


def test_a_greeting_without_papers_neither_proves_overlap_nor_ends_the_gap():
    line = Continuity(0, 0)
    line.connected()
    line.place(50_000)
    line.connected()
    assert line.place(49_999, is_state=True).is_repeat
    assert line.place(50_100, is_state=True) == Continuity(0, 0).place(1)
    assert line.place(50_400).gap == (50_000, 50_400)


def test_the_very_state_that_came_last_is_a_proof():
    line = Continuity(0, 0)
    line.connected()
    line.place(50_000, is_state=True)
    line.connected()
    assert line.place(50_000, is_state=True).is_repeat
    assert line.place(50_001).gap is None
