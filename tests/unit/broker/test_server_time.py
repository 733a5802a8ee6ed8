from pipeline.broker.server_time import ServerTime

NOON = 1_795_600_800_000
DATE = "Wed, 25 Nov 2026 10:00:00 GMT"


def test_before_the_first_answer_nothing_is_known():
    clock = ServerTime()
    for nothing in (None, "", "yesterday", "Wed, 99 Nov 2026"):
        clock.saw(nothing, NOON, NOON)
    assert clock.skew_ms is None


def test_one_answer_is_good_to_half_a_second_and_the_way():
    clock = ServerTime()
    clock.saw(DATE, NOON + 480, NOON + 520)
    assert clock.skew_ms == 0


def test_answers_through_a_second_come_close():
    clock = ServerTime()
    for passed in range(0, 3_000, 130):
        theirs = NOON + passed
        second = (theirs - NOON) // 1_000
        clock.saw(DATE.replace("00:00 G", f"00:0{second} G"), theirs - 2_345 - 10, theirs - 2_345 + 10)
    assert clock.skew_ms is not None
    assert abs(clock.skew_ms + 2_345) < 150


def test_a_clock_that_was_stepped_is_judged_by_what_came_since():
    clock = ServerTime()
    clock.saw(DATE, NOON + 500, NOON + 500)
    clock.saw(DATE, NOON + 7_500, NOON + 7_500)
    assert clock.skew_ms == 7_000
