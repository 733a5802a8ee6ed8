import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import Refused
from pipeline.core.session import ist_ms
from pipeline.core.watchlist import WatchEntry
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.expander import ExpandedMarket, read_candles, waypoints
from pipeline.simulator.market import Bar
from tests.fakes.sim_day import tape_of

CALENDAR = load_calendar()
DATE = "2016-08-18"
OPEN = ist_ms(DATE, "09:15")


def expand(candles, seed=3):
    market = ExpandedMarket(seed, CALENDAR, DATE, candles)
    return market, list(market.frames())


@given(
    st.lists(st.tuples(st.lists(st.integers(100, 140), min_size=4, max_size=4), st.integers(1, 500)), min_size=1, max_size=5),
    st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_any_candle_is_reproduced_exactly(drawn, seed):
    bars = []
    for n, (four, volume) in enumerate(drawn):
        low, a, b, high = sorted(four)
        first, last = (a, b) if four[0] < four[1] else (b, a)
        needed = len({low, high, first, last}) + 2
        bars.append(Bar(OPEN + n * 60_000, first / 20, high / 20, low / 20, last / 20, max(volume, needed)))
    market, played = expand({"RELIANCE": bars}, seed)
    assert tape_of(market, played).bars[market.listings[0].key] == bars
    assert [f.ts for f in played] == sorted({f.ts for f in played})


def test_real_candles_are_reproduced_exactly(shared_data):
    pytest.importorskip("pyarrow", reason="parquet files need pyarrow")
    watch = [WatchEntry(s, "NSE_EQ|INE000000001", s) for s in ("RELIANCE",)]
    candles = read_candles(shared_data / "candles_1m" / "nse_1m_2016-08-16_2016-09-09.parquet", DATE, watch)
    assert len(candles) == 1
    market, played = expand(candles)
    tape = tape_of(market, played)
    for item in market.listings:
        assert tape.bars[item.key] == [b for b in candles[item.symbol] if b.vol > 0]
    i1 = {(u.key, u.minute.ts): u.minute for f in played for u in f.updates if u.minute is not None}
    assert len(i1) > 300


def test_the_same_seed_gives_the_same_ticks():
    candles = {"RELIANCE": [Bar(OPEN, 100.0, 102.0, 99.0, 101.0, 500)], "NIFTY 50": [Bar(OPEN, 100.0, 102.0, 99.0, 101.0, 0)]}
    assert expand(candles)[1] == expand(candles)[1]
    assert expand(candles)[1] != expand(candles, 4)[1]
    index = [u for f in expand(candles)[1] for u in f.updates if u.is_index]
    assert (index[0].ltp, index[-1].ltp, max(u.ltp for u in index), min(u.ltp for u in index)) == (100.0, 101.0, 102.0, 99.0)


def test_waypoints_stay_inside():
    draw = np.random.Generator(np.random.PCG64(1))
    for _ in range(50):
        way = waypoints(Bar(0, 10.0, 10.5, 9.5, 9.8, 10_000), draw, 0.05)
        assert (way[0], way[-1], max(way), min(way)) == (10.0, 9.8, 10.5, 9.5)


def test_csv_files_are_read(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(
        "timestamp,symbol,open,high,low,close,volume\n2016-08-18 09:16:00,AAA,1,2,1,2,5\n2016-08-18T09:15:00+05:30,AAA,1,1,1,1,\n2016-08-17 09:15:00,AAA,1,1,1,1,1\n"
    )
    assert read_candles(path, DATE) == {"AAA": [Bar(OPEN, 1.0, 1.0, 1.0, 1.0, 0), Bar(OPEN + 60_000, 1.0, 2.0, 1.0, 2.0, 5)]}
    path.write_text("timestamp,symbol,open\n2016-08-18 09:16:00,AAA,x\n")
    for bad in (path, tmp_path / "none.csv"):
        with pytest.raises(Refused):
            read_candles(bad, DATE)


def test_nothing_to_expand_is_refused():
    for candles in ({}, {"AAA": [Bar(ist_ms(DATE, "08:00"), 1.0, 1.0, 1.0, 1.0, 1)]}):
        with pytest.raises(Refused):
            ExpandedMarket(1, CALENDAR, DATE, candles)
