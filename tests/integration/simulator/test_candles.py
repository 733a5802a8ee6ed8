import pytest

from pipeline.core.session import ist_ms
from pipeline.core.types import MINUTE_MS
from pipeline.simulator.answers import iso_time
from pipeline.simulator.candles import wait_ms
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.exchange import build
from pipeline.simulator.listing import DEFAULT_LISTINGS
from proto import MarketDataFeedV3_pb2 as pb
from tests.fakes.live_simulator import frames, live_simulator

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
    # The last minutes may have ended a moment ago: each is served 6 to 36 s after its end.
    now, made = still.clock()["ts"], build(SimulatorConfig())
    due = [row for row in own if row[0] + MINUTE_MS + wait_ms(made, DEFAULT_LISTINGS[0], row[0]) <= now]
    assert len(due) >= 5
    assert [row[1:6] for row in reversed(ones)] == [row[1:] for row in due]
    (hour,) = candles(still, f"intraday/{KEY}/hours/1")
    (day,) = candles(still, f"intraday/{KEY}/days/1")
    assert (hour[0], hour[1], day[5]) == ("2026-11-20T09:15:00+05:30", own[0][1], hour[5])
    assert day[5] >= sum(row[5] for row in own)


def test_a_minute_is_served_six_to_thirty_six_seconds_after_its_end():
    config = SimulatorConfig(session="09:15-09:19", speed=60.0)
    listing, made = DEFAULT_LISTINGS[0], build(config)
    opened = ist_ms(config.date, "09:15")
    served = 0
    with live_simulator(config) as sim, sim.feed([listing.key]) as socket:
        for message in frames(socket):
            if message.type != pb.live_feed:
                continue
            before = sim.clock()
            have = {row[0] for row in candles(sim, f"intraday/{KEY}/minutes/1")}
            after = sim.clock()
            if after["is_over"]:
                break
            for ts in range(opened, opened + 4 * MINUTE_MS, MINUTE_MS):
                due = ts + MINUTE_MS + wait_ms(made, listing, ts)
                if iso_time(ts) in have:
                    assert due <= after["ts"]
                    served += 1
                else:
                    assert due > before["ts"]
        assert len(candles(sim, f"intraday/{KEY}/minutes/1")) >= min(served, 3)
    assert served > 0


def test_all_minutes_are_served_when_the_day_is_over():
    with live_simulator(SimulatorConfig(session="09:15-09:18")) as sim, sim.feed([DEFAULT_LISTINGS[0].key]) as socket:
        assert list(frames(socket))
        assert len(candles(sim, f"intraday/{KEY}/minutes/1")) == 3


def test_the_wait_of_a_minute_is_fixed_and_within_its_span():
    made = build(SimulatorConfig(candle_wait_s=(6.0, 36.0)))
    waits = [wait_ms(made, listing, ts) for listing in DEFAULT_LISTINGS for ts in range(0, 60 * 60_000, 60_000)]
    assert waits == [wait_ms(made, listing, ts) for listing in DEFAULT_LISTINGS for ts in range(0, 60 * 60_000, 60_000)]
    assert min(waits) >= 6_000
    assert max(waits) <= 36_000
    assert 19_000 < sum(waits) / len(waits) < 23_000
    assert wait_ms(build(SimulatorConfig(candle_wait_s=(0.0, 0.0))), DEFAULT_LISTINGS[0], 60_000) == 0


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
