import numpy as np

from pipeline.core.types import NO_SYMBOL, FeedMode, TickBatch, TickKind
from pipeline.engine.matching import Quote
from pipeline.engine.quotes import Market, QuoteTable
from tests.fakes.trading import frame


def test_a_quote_is_the_newest_row_in_paise():
    table = QuoteTable(2)
    assert table.quote(0) is None
    table.take(frame(1000, (0, 99.95, 100.05, 10, 20, 100.0)))
    table.take(frame(2000, (1, 5.0, 5.05)))
    assert table.quote(0) == Quote(1000, 99_95, 10, 100_05, 20, 100_00)
    assert table.ltp_paise(0) == (100_00, 1000)
    assert table.is_touched(1)
    assert not table.is_touched(0)


def test_the_last_row_of_a_paper_counts():
    table = QuoteTable(1)
    table.take(frame(1000, (0, 1.0, 2.0), (0, 3.0, 4.0)))
    assert table.quote(0).bid_paise == 300


def test_rows_without_depth_move_only_the_price_and_gaps_nothing():
    table = QuoteTable(1)
    table.take(frame(1000, (0, 1.0, 2.0)))
    rows = frame(2000, (0, 8.0, 9.0, 1, 1, 7.0)).rows.copy()
    rows["flags"] = 0
    table.take(TickBatch(2000, rows))
    assert table.quote(0) == Quote(1000, 100, 1000, 200, 1000, 700)
    gap = rows.copy()
    gap["sid"], gap["kind"] = NO_SYMBOL, TickKind.GAP
    table.take(TickBatch(3000, gap))
    assert not table.is_touched(0)


def test_a_side_that_is_gone_is_absent_and_a_missing_price_keeps_the_last():
    table = QuoteTable(1)
    table.take(frame(1000, (0, 1.0, 2.0)))
    table.take(frame(2000, (0, 1.0, 0.0, 5, 0, 0.0)))
    quote = table.quote(0)
    assert (quote.ask_paise, quote.ask_qty, quote.ltp_paise) == (0, 0, 150)
    assert table.ltp_paise(0) == (150, 1000)


def test_a_book_with_one_side_replaces_the_two_sided_one():
    table = QuoteTable(1)
    table.take(frame(1000, (0, 1.0, 2.0)))
    rows = frame(2000, (0, 1.0, 0.0, 5, 0, 1.0)).rows.copy()
    rows["flags"], rows["mode"] = 0, FeedMode.FULL_D5  # as the decoder leaves a book without asks
    table.take(TickBatch(2000, rows))
    assert table.quote(0) == Quote(2000, 100, 5, 0, 0, 100)


def test_the_market_has_depth_close_volume_and_the_age_of_the_feed():
    table = QuoteTable(2)
    rows = frame(1000, (0, 99.95, 100.05, 10, 20, 100.0)).rows.copy()
    rows["bid_qty"][0, 1:], rows["ask_qty"][0, 1:] = 5, 7
    rows["cp"], rows["vtt"] = 98.5, 12_345
    table.take(TickBatch(1000, rows))
    table.take(frame(3000, (1, 5.0, 5.05)))
    assert table.market(0) == Market(Quote(1000, 99_95, 10, 100_05, 20, 100_00), 98_50, 10 + 4 * 5, 20 + 4 * 7, 12_345, 3000)
    table.take(frame(4000, (0, 99.95, 100.05)))  # a row that leaves out close and volume takes nothing back
    assert (table.market(0).close_paise, table.market(0).volume, table.market(0).feed_ts) == (98_50, 12_345, 4000)
    assert table.market(1).close_paise == 0


def test_read_only_rows_are_enough():
    batch = frame(1, (0, 1.0, 2.0))
    assert not batch.rows.flags.writeable
    QuoteTable(1).take(batch)
    assert np.count_nonzero(QuoteTable(3).rows["ts"]) == 0


def test_a_new_frame_and_a_restart_renew_the_quote():
    table, other = QuoteTable(1), QuoteTable(1)
    table.take(frame(1000, (0, 1.0, 2.0)))
    assert table.quote(0).bid_paise == 100
    table.take(frame(2000, (0, 3.0, 4.0)))
    assert table.quote(0).bid_paise == 300
    assert other.quote(0) is None
    other.put(table.rows, table.frame)
    assert (other.quote(0), other.frame) == (table.quote(0), 2)
    table.take(frame(3000, (0, 5.0, 6.0)))
    assert other.quote(0).bid_paise == 300
