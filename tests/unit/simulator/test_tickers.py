import numpy as np

from tests.fakes.sim_day import market

MAKER = market("full")
TICKER = MAKER.tickers[0]


def test_prices_lie_on_the_tick_and_the_book_is_never_crossed():
    rows = TICKER.updates(0, 600, 0)
    tick = TICKER.terms.tick_paise
    for row in rows:
        prices = [p for p in (*row.bid_px, *row.ask_px, row.ltp) if p > 0]
        assert all(round(p * 100) % tick == 0 for p in prices)
        assert row.bid_px[0] < row.ask_px[0]
        assert row.bid_px == sorted(row.bid_px, reverse=True)
        assert row.ask_px == sorted(row.ask_px)
        assert min(row.bid_qty + row.ask_qty) >= 1


def test_volume_is_cumulative_and_trades_are_told_soon():
    assert (np.diff(TICKER.vtt) >= 0).all()
    assert (TICKER.vtt[TICKER.traded] > 0).all()
    late = TICKER.ts - TICKER.ltt
    assert late.min() >= 0
    assert late[TICKER.traded].max() < 220
    assert (np.diff(TICKER.ltt[TICKER.traded]) > 0).all()


def test_bars_hold_every_trade():
    assert sum(b.vol for b in TICKER.bars) == int(TICKER.qty.sum())
    assert [b.ts for b in TICKER.bars] == sorted({b.ts for b in TICKER.bars})
    assert all(b.low <= min(b.open, b.close) <= max(b.open, b.close) <= b.high for b in TICKER.bars)


def test_a_stock_at_its_band_has_one_empty_side():
    from pipeline.simulator.listing import DEFAULT_LISTINGS

    move = MAKER._move()
    locked = MAKER.tickers[[item.key for item in DEFAULT_LISTINGS].index(move.key)]
    side = locked.no_ask if move.sign > 0 else locked.no_bid
    at = int(np.flatnonzero(side)[50])
    chunk = int(locked.frame[at]) // 600
    start, stop = np.searchsorted(locked.frame, (chunk * 600, (chunk + 1) * 600)).tolist()
    row = locked.updates(start, stop, chunk)[at - start]
    band = locked.terms.band[1 if move.sign > 0 else 0] * locked.terms.tick_paise / 100
    empty, full = (row.ask_px, row.bid_px) if move.sign > 0 else (row.bid_px, row.ask_px)
    assert empty == [0.0] * 5
    assert full[0] == round(band, 2)
    assert side.sum() > 300
