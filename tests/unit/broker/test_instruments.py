import gzip
import json
import logging

import pytest

from pipeline.broker.instruments import MasterConfig, cache_path, load_master, read_master, watchlist_instruments
from pipeline.broker.rest import RestConfig
from pipeline.core.errors import Refused
from pipeline.core.watchlist import WatchEntry
from tests.fakes.broker_server import HttpServer

RELIANCE = {
    "segment": "NSE_EQ",
    "instrument_key": "NSE_EQ|INE002A01018",
    "trading_symbol": "RELIANCE",
    "tick_size": 10.0,
    "lot_size": 1,
    "freeze_quantity": 100_000.0,
    "cas_eligible": True,
    "name": "नाम",
}
OPTION = {
    "segment": "NSE_FO",
    "instrument_key": "NSE_FO|51460",
    "trading_symbol": "X CE",
    "tick_size": 5.0,
    "lot_size": 65,
    "freeze_quantity": 1800.0,
}
NIFTY = {"segment": "NSE_INDEX", "instrument_key": "NSE_INDEX|Nifty 50", "trading_symbol": "NIFTY"}
ROWS = [RELIANCE, OPTION, NIFTY]
WATCH = (WatchEntry("RELIANCE", "NSE_EQ|INE002A01018", "Reliance"), WatchEntry("NIFTY 50", "NSE_INDEX|Nifty 50", "Nifty"))
KEYS = {w.instrument_key for w in WATCH}


def packed(rows) -> bytes:
    return gzip.compress(json.dumps(rows).encode(), mtime=0)


WHOLE = packed(ROWS)


@pytest.fixture
def serve(tmp_path):
    opened = []

    def start(status=200, body=WHOLE, sample=None):
        server = HttpServer(lambda _p, _q, _h: (status, body))
        opened.append(server)
        return MasterConfig(tmp_path / "data", sample and sample.read_bytes, RestConfig(server.url)), server

    yield start
    for server in opened:
        server.stop()


def test_a_download_is_kept_pointed_to_and_used_again(serve):
    config, server = serve()
    instruments, source = watchlist_instruments(config, WATCH, "2026-11-20")
    assert source == "today"
    assert [(i.sid, i.symbol, i.tick_size_paise, i.lot_size, i.is_cas_eligible, i.is_index) for i in instruments] == [
        (0, "RELIANCE", 10, 1, True, False),
        (1, "NIFTY 50", 5, 1, False, True),
    ]
    assert sorted(p.name for p in config.folder.iterdir()) == ["instruments_20261120.json.gz", "instruments_latest.json"]
    pointer = json.loads((config.folder / "instruments_latest.json").read_text())
    assert (pointer["path"], pointer["date"]) == ("instruments_20261120.json.gz", "2026-11-20")
    assert (config.folder / pointer["path"]).read_bytes() == packed(ROWS)
    assert watchlist_instruments(config, WATCH, "2026-11-20")[0] == instruments
    assert [path for path, _ in server.asked] == ["/market-quote/instruments/exchange/NSE.json.gz"]
    assert "Authorization" not in server.asked[0][1]


def test_bse_needs_the_complete_file(serve):
    config, server = serve()
    load_master(config, "2026-11-20", {"BSE_EQ|INE002A01018"})
    assert server.asked[0][0].endswith("/complete.json.gz")


def test_a_blocked_download_takes_the_newest_earlier_file_then_the_sample(serve, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps([RELIANCE | {"tick_size": 1.0}, NIFTY]))
    config, _ = serve(status=403, body=b"error code: 1010", sample=sample)
    master, source = load_master(config, "2026-11-20", KEYS)
    assert source == "sample"
    assert master["NSE_EQ|INE002A01018"]["tick_size"] == 1.0
    config.folder.mkdir()
    for day in ("2026-11-18", "2026-11-19"):
        cache_path(config.folder, day).write_bytes(packed([RELIANCE | {"name": day}, NIFTY]))
    master, source = load_master(config, "2026-11-20", KEYS)
    assert source == "earlier"
    assert master["NSE_EQ|INE002A01018"]["name"] == "2026-11-19"
    cache_path(config.folder, "2026-11-19").write_bytes(b"\x1f\x8bdamaged")
    assert load_master(config, "2026-11-20", KEYS)[0]["NSE_EQ|INE002A01018"]["name"] == "2026-11-18"
    assert "blocked" in caplog.text


def test_nothing_at_all_is_refused_in_one_line(serve):
    config, _ = serve(status=500, body=b"")
    with pytest.raises(Refused, match="no instrument file") as caught:
        load_master(config, "2026-11-20", KEYS)
    assert "\n" not in str(caught.value)


def test_a_damaged_cache_is_fetched_again(serve):
    config, server = serve()
    config.folder.mkdir()
    cache_path(config.folder, "2026-11-20").write_bytes(packed(ROWS)[:-5])
    assert load_master(config, "2026-11-20", KEYS)[1] == "today"
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]x"[:1], b"{}", packed(ROWS)[:-4], b"\x1f\x8b", b'[{"a": 1}]', b"[5]", b'[{"instrument_key": "A"', b"[" * 100_000, b"\xff[]"],
)
def test_a_damaged_download_is_not_kept(serve, body):
    config, _ = serve(body=body)
    with pytest.raises(Refused):
        load_master(config, "2026-11-20", KEYS)
    assert not cache_path(config.folder, "2026-11-20").exists()


def test_a_bomb_is_refused(monkeypatch):
    monkeypatch.setattr("pipeline.broker.instruments.MAX_PLAIN_BYTES", 10_000)
    with pytest.raises(Refused, match="larger"):
        read_master(gzip.compress(b"[" + b" " * 1_000_000 + b"]"), "x", set())


def test_only_what_is_needed_is_kept():
    assert set(read_master(packed(ROWS), "x", set())) == {"NSE_EQ|INE002A01018", "NSE_INDEX|Nifty 50"}
    assert "NSE_FO|51460" in read_master(packed(ROWS), "x", {"NSE_FO|51460"})
    assert read_master(b" [ ] ", "x", set()) == {}


def test_a_symbol_that_is_not_in_the_file_is_refused(serve):
    config, _ = serve()
    with pytest.raises(Refused, match="not in the instrument file"):
        watchlist_instruments(config, (WatchEntry("RELIANC", "NSE_EQ|INE002A01019", ""),), "2026-11-20")


@pytest.mark.parametrize("date", ["", "20261120", "../../x", "2026-11-2"])
def test_the_date_cannot_name_another_place(tmp_path, date):
    with pytest.raises(Refused):
        cache_path(tmp_path, date)


def test_a_recorded_file_is_read_whole(shared_data):
    content = (shared_data / "instruments" / "upstox_NSE_2025-12-16.json.gz").read_bytes()
    found = read_master(content, "recorded", {"NSE_FO|51460"})
    assert found["NSE_EQ|INE002A01018"]["tick_size"] == 10.0
    assert len([key for key in found if key.startswith("NSE_EQ|")]) == 8_559
    assert len([key for key in found if key.startswith("NSE_INDEX|")]) == 134
