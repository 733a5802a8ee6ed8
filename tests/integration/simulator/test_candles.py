import pytest

from pipeline.simulator.listing import DEFAULT_LISTINGS

KEY = DEFAULT_LISTINGS[0].key.replace("|", "%7C")


def candles(still, path):
    return still.get(f"/v3/historical-candle/{path}")["data"]["candles"]


def test_newest_first_and_without_a_token(still):
    status, reply = still.call("GET", f"/v3/historical-candle/{KEY}/minutes/1/2026-11-19/2026-11-19", token="")
    rows = reply["data"]["candles"]
    assert (status, len(rows)) == (200, 375)
    assert rows[0][0] == "2026-11-19T15:29:00+05:30"
    assert rows == sorted(rows, reverse=True)


def test_the_running_day(still):
    own = still.ledger()["candles"][DEFAULT_LISTINGS[0].key]
    ones = candles(still, f"intraday/{KEY}/minutes/1")
    assert [row[1:6] for row in reversed(ones)] == [row[1:] for row in own]
    (hour,) = candles(still, f"intraday/{KEY}/hours/1")
    (day,) = candles(still, f"intraday/{KEY}/days/1")
    assert (hour[0], hour[1], day[5]) == ("2026-11-20T09:15:00+05:30", own[0][1], hour[5])
    assert day[5] >= sum(row[5] for row in own)


def test_left_out_from_date_is_clipped(still):
    assert len(candles(still, f"{KEY}/minutes/60/2026-11-19")) > 300
    assert len(candles(still, f"{KEY}/weeks/1/2026-11-19/2026-09-01")) == 12


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{KEY}/minutes/1/2026-11-19/2026-09-19", "UDAPI1148"),
        (f"{KEY}/minutes/1/2026-11-18/2026-11-19", "UDAPI1148"),
        (f"{KEY}/days/1/2026-11-19/2005-01-01", "UDAPI1148"),
        (f"{KEY}/minutes/301/2026-11-19/2026-11-19", "UDAPI1147"),
        (f"{KEY}/ticks/1/2026-11-19/2026-11-19", "UDAPI1146"),
        (f"intraday/{KEY}/weeks/1", "UDAPI1146"),
        (f"{KEY}/minutes/1/yesterday/2026-11-19", "UDAPI1088"),
        ("NSE_EQ%7CNOPE/minutes/1/2026-11-19/2026-11-19", "UDAPI100011"),
    ],
)
def test_bad_questions(still, path, code):
    status, reply = still.call("GET", f"/v3/historical-candle/{path}")
    assert (status, reply["errors"][0]["error_code"], "data" in reply) == (400, code, False)
