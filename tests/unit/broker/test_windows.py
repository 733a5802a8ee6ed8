import pytest

from pipeline.broker.windows import GUARD_MS, ORDER_WINDOWS, Forecast, Urgency, Window, forecast, is_near, wait_ms, words_of

SMALL = (Window(4, 1_000, 1), Window(10, 10_000, 2))
ENTRY, EXIT = Urgency.ENTRY, Urgency.EXIT


def test_the_published_limits():
    assert [(w.calls, w.window_ms) for w in ORDER_WINDOWS] == [(10, 1_000), (500, 60_000), (2_000, 1_800_000)]
    assert all(0 < w.reserve < w.calls for w in ORDER_WINDOWS)


@pytest.mark.parametrize(
    ("instants", "urgency", "now", "wait"),
    [
        ([], ENTRY, 0, 0),
        ([0, 0], ENTRY, 0, 0),
        ([0, 0, 0], ENTRY, 0, 1_000 + GUARD_MS),
        ([0, 0, 0], EXIT, 0, 0),
        ([0, 0, 0, 5], EXIT, 5, 1_095),
        ([0, 0, 0], ENTRY, 1_099, 1),
        ([0, 0, 0], ENTRY, 1_100, 0),
        ([n * 1_200 for n in range(8)], ENTRY, 9_600, 500),
        ([n * 1_200 for n in range(8)], EXIT, 9_600, 0),
    ],
)
def test_a_call_waits_until_every_window_has_room_for_its_urgency(instants, urgency, now, wait):
    assert wait_ms(instants, SMALL, urgency, now) == wait


def test_a_forecast_counts_what_leaves_too():
    still = forecast([0, 100], SMALL, 70_000)
    assert still == (Forecast(1_000, 0, 4, None), Forecast(10_000, 0, 10, None))
    windows = (Window(100, 600_000, 10),)
    one_a_second = [n * 1_000 for n in range(60)]
    assert forecast(one_a_second, windows, 59_000)[0] == Forecast(600_000, 60, 100, 30_000), "30 more at one a second"
    assert forecast([n * 100 for n in range(90)], windows, 9_000)[0].exhausted_in_ms == 0
    slow = [n * 10_000 for n in range(60)]
    assert forecast(slow, windows, 590_000)[0].exhausted_in_ms is None, "six a minute never fill ninety in ten minutes"
    old = [0] * 80 + [590_000 + n for n in range(10)]
    assert forecast(old, (Window(100, 600_000, 5),), 591_000)[0].exhausted_in_ms == pytest.approx(510_000), (
        "the old ones leave before it fills"
    )


@pytest.mark.parametrize(
    ("used", "ends", "words", "near"),
    [
        ((0, 12, 40), (None, None, None), "order calls 12 of 500 in 1 min, 40 of 2,000 in 30 min", False),
        ((3, 12, 40), (100, None, 240_000), "order calls 12 of 500 in 1 min, 40 of 2,000 in 30 min; at this pace used up in 4 min", True),
        (
            (3, 400, 1_000),
            (None, 45_000, 600_000),
            "order calls 400 of 500 in 1 min, 1,000 of 2,000 in 30 min; at this pace used up in 45 s",
            True,
        ),
        (
            (3, 400, 1_000),
            (None, None, 600_000),
            "order calls 400 of 500 in 1 min, 1,000 of 2,000 in 30 min; at this pace used up in 10 min",
            False,
        ),
        ((9, 480, 1_000), (0, 0, None), "order calls 480 of 500 in 1 min, 1,000 of 2,000 in 30 min; used up for entries", True),
    ],
)
def test_a_forecast_in_words(used, ends, words, near):
    told = tuple(Forecast(w.window_ms, n, w.calls, end) for w, n, end in zip(ORDER_WINDOWS, used, ends, strict=True))
    assert words_of(told) == words
    assert is_near(told) is near
