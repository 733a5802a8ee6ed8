from pipeline.core.session import Group, Phase, ist_ms
from pipeline.simulator import auction
from pipeline.simulator.market import Bar
from tests.fakes.sim_day import DATE, market

MAKER = market("full")
TERMS = MAKER.tickers[0].terms
WINDOWS = MAKER.day.windows[Group.EQ_CAS]


def test_the_pre_open_indicates_and_prints_once():
    opened = auction.opening(TERMS, TERMS.prev_close * 1.004)
    told = auction.pre_open(TERMS, WINDOWS, opened)
    *before, (ts, last) = told
    assert all(u.vtt == 0 and u.auction.iep > 0 and u.ltp == TERMS.prev_close for _, u in before)
    assert all(MAKER.day.phase_at(t, Group.EQ_CAS) is Phase.PRE_OPEN for t, _ in before)
    assert all(len(u.bid_px) == 5 and u.bid_px[4] == 0.0 and u.bid_qty[4] > 0 for _, u in before)
    assert (last.ltp, last.vtt, last.auction) == (opened.px, opened.qty, None)
    assert MAKER.day.phase_at(ts, Group.EQ_CAS) is Phase.PRE_OPEN_MATCH
    assert abs(before[-1][1].auction.iep - opened.px) / opened.px < 0.003


def test_the_closing_auction_prints_near_its_reference():
    eve = auction.Eve(
        1400.0, ist_ms(DATE, "15:14:59"), 5, 1400.0, 1_000_000, Bar(TERMS.day_ts, 1390, 1410, 1380, 1400, 1_000_000), None, 1402.0
    )
    told = auction.closing(TERMS, WINDOWS, eve)
    assert told[0][1].auction.rp == 1402.0
    assert told[0][0] >= ist_ms(DATE, "15:15")
    assert all(u.vtt == eve.vtt for _, u in told[:-1])
    ts, last = told[-1]
    assert last.vtt > eve.vtt
    assert abs(last.ltp - 1402.0) <= 1402.0 * 0.03
    assert ist_ms(DATE, "15:30") < ts < ist_ms(DATE, "15:35")
    assert last.day.vol == last.vtt


def test_without_auction_windows_nothing_is_told():
    only = tuple(w for w in WINDOWS if w.phase is Phase.CONTINUOUS)
    eve = auction.Eve(1.0, 1, 1, 1.0, 1, None, None, 1.0)
    assert auction.pre_open(TERMS, only, auction.opening(TERMS, 1400.0)) == []
    assert auction.closing(TERMS, only, eve) == []
