import gzip
import json

import pytest

from pipeline.core.errors import Refused
from pipeline.core.watchlist import instruments_from
from pipeline.simulator.recording import master_rows, messages, record_files, records, stem, watch_rows

FEED = "upstox_v3_full_d5_2025-12-15"


def line(ts, ltp=1.0):
    return (
        json.dumps(
            {"type": "live_feed", "feeds": {"NSE_EQ|INE000000001": {"ltpc": {"ltp": ltp, "ltt": str(ts), "cp": 3.0}}}, "currentTs": str(ts)}
        )
        + "\n"
    )


def test_names_come_from_the_files(shared_data):
    watch = watch_rows(shared_data / "feed" / FEED)
    assert {w.symbol for w in watch} == {"BSE", "MAXHEALTH", "VMM", "BANKNIFTY-59400-CE-30DEC25", "BANKNIFTY-59400-PE-30DEC25"}
    made = {i.symbol: i for i in instruments_from(watch, {r["instrument_key"]: r for r in master_rows(shared_data / "feed" / FEED)})}
    assert (made["BSE"].tick_size_paise, made["VMM"].tick_size_paise) == (10, 1)
    assert made["BANKNIFTY-59400-CE-30DEC25"].lot_size == 35


def test_records_are_merged_by_time(shared_data):
    place = shared_data / "feed" / FEED
    times = [ts for (ts, _), _ in zip(records(place), range(5000), strict=False)]
    assert times == sorted(times)
    assert [stem(p) for p in record_files(place)][2] == "BSE"


def test_messages_out_of_order_are_sorted(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text(line(30) + line(10) + line(20))
    assert [ts for ts, _ in messages(path)] == [10, 20, 30]
    packed = tmp_path / "m.jsonl.gz"
    packed.write_bytes(gzip.compress(line(5).encode()))
    assert watch_rows(packed)[0].symbol == "INE000000001"
    assert master_rows(packed)[0]["tick_size"] == 5.0  # the step of 1970


def test_without_current_ts_the_newest_trade_is_the_clock(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps({"feeds": {"NSE_FO|1": {"ltpc": {"ltt": str(t)}}}}) + "\n" for t in (5, 9, 7)))
    assert [ts for ts, _ in messages(path)] == [5, 9, 9]
    assert master_rows(path)[0] | {"x": 1} == {
        "segment": "NSE_FO", "name": "1", "exchange": "NSE", "instrument_key": "NSE_FO|1", "exchange_token": "1", "trading_symbol": "1",
        "instrument_type": "FUT", "tick_size": 5.0, "lot_size": 1, "freeze_quantity": 100_000.0, "qty_multiplier": 1.0, "x": 1,
    }  # fmt: skip


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "bad.jsonl").write_text("{oops\n")
    for call in (
        lambda: record_files(tmp_path / "nothing"),
        lambda: master_rows(tmp_path / "nothing.jsonl"),
        lambda: list(messages(tmp_path / "bad.jsonl")),
        lambda: list(records(tmp_path)),
    ):
        with pytest.raises(Refused):
            call()
