import gzip
import json
import urllib.request

import pytest

from pipeline.core.watchlist import instruments_from, parse_watchlist
from pipeline.simulator.listing import DEFAULT_LISTINGS, sample_instruments

RELIANCE, TCS = (item.key.replace("|", "%7C") for item in DEFAULT_LISTINGS[:2])


def test_the_instrument_file(still):
    with urllib.request.urlopen(f"{still.base}/market-quote/instruments/exchange/NSE.json.gz", timeout=10) as reply:
        rows = json.loads(gzip.decompress(reply.read()))
    assert rows[:15] == sample_instruments()
    assert [r["instrument_key"] for r in rows[15:]] == ["NSE_INDEX|Nifty 50", "NSE_INDEX|Nifty Bank"]
    watch = parse_watchlist([{"symbol": r["trading_symbol"], "instrument_key": r["instrument_key"]} for r in rows], "x")
    assert len(instruments_from(watch, {r["instrument_key"]: r for r in rows})) == 17
    assert still.call("GET", "/market-quote/instruments/exchange/MTF.json.gz")[0] == 404


def test_ltp_full_and_greeks(still):
    own = still.ledger()["quotes"][DEFAULT_LISTINGS[0].key]
    ltp = still.get(f"/v3/market-quote/ltp?instrument_key={RELIANCE},{TCS},NSE_EQ%7CNOPE")["data"]
    assert sorted(ltp) == ["NSE_EQ:RELIANCE", "NSE_EQ:TCS"]
    for path in ("/v2/market-quote/quotes?symbol=", "/v3/market-quote/quotes?instrument_key="):
        row = still.get(path + RELIANCE)["data"]["NSE_EQ:RELIANCE"]
        assert (row["last_price"], row["volume"], row["last_trade_time"]) == (own["ltp"], own["vtt"], str(own["ltt"]))
        assert [level["price"] for level in row["depth"]["buy"]] == own["bid_px"]
        assert row["lower_circuit_limit"] < own["cp"] < row["upper_circuit_limit"]
    greek = still.get(f"/v3/market-quote/option-greek?instrument_key={RELIANCE}")["data"]["NSE_EQ:RELIANCE"]
    assert (greek["delta"], greek["cp"]) == (0.0, own["cp"])


@pytest.mark.parametrize("interval", ["1d", "I1", "I30"])
def test_ohlc(still, interval):
    row = still.get(f"/v3/market-quote/ohlc?instrument_key={RELIANCE}&interval={interval}")["data"]["NSE_EQ:RELIANCE"]
    live = row["live_ohlc"]
    assert live["low"] <= min(live["open"], live["close"]) <= live["high"]
    assert (row["prev_ohlc"] is None) == (interval != "I1")


@pytest.mark.parametrize(
    "path",
    [
        "/v3/market-quote/ltp?instrument_key=NSE_EQ%7CNOPE",
        "/v3/market-quote/ltp",
        f"/v3/market-quote/ohlc?instrument_key={RELIANCE}&interval=I7",
    ],
)
def test_bad_questions(still, path):
    assert still.call("GET", path)[0] == 400


def test_too_many_keys(still):
    keys = ",".join(f"K{n}" for n in range(51))
    assert still.call("GET", f"/v3/market-quote/option-greek?instrument_key={keys}")[0] == 400
