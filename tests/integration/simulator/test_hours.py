from pipeline.core.session import ist_ms


def test_status(still):
    assert still.get("/v2/market/status/NSE")["data"]["status"] == "NORMAL_OPEN"
    assert still.get("/v2/market/status/NFO")["data"]["exchange"] == "NFO"
    assert still.call("GET", "/v2/market/status/NYSE")[1]["errors"][0]["error_code"] == "UDAPI1089"


def test_holidays(still):
    year = still.get("/v2/market/holidays")["data"]
    assert {row["date"][:4] for row in year} == {"2026"}
    assert still.get("/v2/market/holidays/2026-01-26")["data"][0]["holiday_type"] == "TRADING_HOLIDAY"
    assert still.get("/v2/market/holidays/2026-02-01")["data"][0]["holiday_type"] == "SPECIAL_TIMING"
    assert still.get("/v2/market/holidays/2026-11-20")["data"] == []
    assert still.call("GET", "/v2/market/holidays/soon")[0] == 400


def test_timings(still):
    rows = {row["exchange"]: row for row in still.get("/v2/market/timings/2025-12-15")["data"]}
    assert rows["NFO"]["end_time"] == ist_ms("2025-12-15", "15:30")
    assert still.get("/v2/market/timings/2026-11-22")["data"] == []
