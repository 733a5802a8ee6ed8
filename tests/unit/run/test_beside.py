"""What people hold beside us and the high-water mark, for a terminal."""

from pipeline.run.beside import words_of


def test_each_is_a_line_and_what_is_not_there_says_nothing():
    assert words_of({"external": [], "equity": {}}) == []
    assert words_of({"external": [["BBB", "BBB", 0, 0, 0, 1]], "equity": {"fall_paise": "0"}}) == []
    found = {"external": [["BSE_EQ|INE9", "TITAN", -10, 3_000_000, -12_500, 0]], "equity": {"fall_paise": "1500", "limit_paise": "400000"}}
    assert words_of(found) == [
        "by hand: TITAN -10, worth 30,000.00, -125.00 today; counted in the limits, never touched",
        "15.00 below the account's high-water mark; entries stop at 4,000.00 below",
    ]
