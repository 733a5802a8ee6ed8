import subprocess
import sys

from pipeline.core.session import Group
from pipeline.core.watchlist import WatchEntry, instruments_from, parse_watchlist
from pipeline.simulator.listing import DEFAULT_LISTINGS, listings_for, master_row, rng, sample_instruments, tick_paise


def test_sample_rows_make_instruments():
    rows = sample_instruments()
    watch = parse_watchlist([{"symbol": r["trading_symbol"], "instrument_key": r["instrument_key"]} for r in rows], "sample")
    made = instruments_from(watch, {r["instrument_key"]: r for r in rows})
    assert len(made) == 15
    assert made[0].tick_size_paise == 10
    assert all(i.is_cas_eligible for i in made)


def test_the_shipped_watchlist_is_the_default_one():
    import json
    from pathlib import Path

    rows = json.loads((Path(__file__).resolve().parents[3] / "config" / "symbols.json").read_text())
    assert [r["instrument_key"] for r in rows] == [item.key for item in DEFAULT_LISTINGS]


def test_unknown_papers_are_invented_alike_every_time():
    row = WatchEntry("ZZTEST", "NSE_EQ|INE000000001", "Z")
    first, again = listings_for([row])[0], listings_for([row])[0]
    assert first == again
    assert (first.symbol, first.is_cas, first.group("2026-11-20")) == ("ZZTEST", False, Group.EQ)
    assert first.base_px > 20
    assert listings_for([]) == DEFAULT_LISTINGS
    index = listings_for([WatchEntry("NIFTY 50", "NSE_INDEX|Nifty 50", "")])[0]
    assert (index.group("2026-11-20"), "isin" in master_row(index, "2026-11-20")) == (Group.INDEX, False)


def test_the_closing_auction_has_a_first_day():
    reliance = DEFAULT_LISTINGS[0]
    assert reliance.group("2026-08-02") is Group.EQ
    assert reliance.group("2026-08-03") is Group.EQ_CAS
    assert "cas_eligible" not in master_row(reliance, "2026-07-31")
    assert tick_paise(reliance, "2026-11-20") == 10


def test_random_streams_are_the_same_in_every_process():
    code = "from pipeline.simulator.listing import rng; print(rng(7, 'a').integers(1 << 60))"
    given = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": s, "PYTHONPATH": "."}
        ).stdout
        for s in "12"
    }
    assert given == {f"{rng(7, 'a').integers(1 << 60)}\n"}
