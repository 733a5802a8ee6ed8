from pipeline.broker.clock import FeedClock

MS = 1_000_000
T0 = 1_795_146_300_000


def test_a_steady_feed_has_no_lag_whatever_the_wall_clock_says():
    for wrong_by in (-5_000, 0, 5_000):
        clock = FeedClock()
        for n in range(50):
            clock.saw(0, T0 + n * 100, (n * 100 + 40) * MS, T0 + n * 100 + 40 + wrong_by)
        assert clock.lag_ms(0) == clock.worst_lag_ms == 0
        assert clock.skew_ms == 40 + wrong_by


def test_a_clock_that_stands_still_lags_as_long_as_frames_come():
    clock = FeedClock()
    clock.saw(0, T0, 0, T0)
    for n in range(1, 6):
        clock.saw(0, T0, n * 1_000 * MS, T0)
    assert clock.lag_ms(0) == 5_000


def test_a_clock_that_is_too_slow_falls_behind():
    clock = FeedClock()
    for n in range(11):
        clock.saw(0, T0 + n * 500, n * 1_000 * MS, T0)
    assert clock.lag_ms(0) == 5_000
    clock.connected(0)
    assert clock.lag_ms(0) == 0


def test_a_quiet_feed_does_not_lag():
    clock = FeedClock()
    clock.saw(0, T0, 0, T0)
    clock.saw(0, T0 + 600_000, 600_000 * MS, T0)
    assert clock.lag_ms(0) == 0


def test_connections_are_judged_apart():
    clock = FeedClock()
    clock.saw(0, T0, 0, T0)
    clock.saw(1, T0 - 3_000, 0, T0)  # always three seconds behind, and no worse
    clock.saw(1, T0 - 2_000, 1_000 * MS, T0)
    assert (clock.lag_ms(0), clock.lag_ms(1), clock.lag_ms(9)) == (0, 0, 0)


def test_event_time_goes_on_when_nothing_comes():
    clock = FeedClock()
    assert clock.now_ms(5 * MS) == 0
    clock.saw(0, T0, 10 * MS, T0)
    clock.saw(0, T0 - 500, 20 * MS, T0)  # older: says nothing of now
    assert clock.now_ms(10 * MS) == T0
    assert clock.now_ms(70_010 * MS) == T0 + 70_000


def test_skew_is_a_median():
    clock = FeedClock()
    assert clock.skew_ms == 0
    for n in range(9):
        clock.saw(0, T0 + n, n * MS, T0 + n + (5 if n else 90_000))
    assert clock.skew_ms == 5
