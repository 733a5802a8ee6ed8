from pipeline.core.session import ist_ms
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.listing import DEFAULT_LISTINGS
from pipeline.simulator.market import Bar, Frame, Kind, Status, Update
from pipeline.simulator.tape import Tape

DATE = "2026-11-20"
ITEM = DEFAULT_LISTINGS[0]
OPEN = ist_ms(DATE, "09:15")


def tape():
    made = Tape(load_calendar().day(DATE), (ITEM,), OPEN - 1000)
    made.latest[ITEM.key] = Update(ITEM.key, 99.0, OPEN - 60_000, 10, 98.0, vtt=10)
    return made


def trade(made, at, px, vtt):
    made.take(Frame(at, Kind.LIVE, (Update(ITEM.key, px, at - 5, 1, 98.0, vtt=vtt),)))


def test_bars_are_built_from_volume_and_trade_time():
    made = tape()
    trade(made, OPEN + 1_000, 100.0, 15)
    trade(made, OPEN + 2_000, 102.0, 20)
    trade(made, OPEN + 60_003, 101.0, 26)  # told after the minute, traded in it
    trade(made, OPEN + 61_000, 103.0, 30)
    assert made.bars[ITEM.key] == [Bar(OPEN, 100.0, 102.0, 100.0, 101.0, 16), Bar(OPEN + 60_000, 103.0, 103.0, 103.0, 103.0, 4)]
    assert made.finished(ITEM.key) == made.bars[ITEM.key][:1]
    assert (made.frames, made.updates, made.trades, made.now_ms) == (4, 4, 4, OPEN + 61_000)


def test_a_book_change_is_no_trade_and_auctions_are_no_minutes():
    made = tape()
    made.take(Frame(OPEN - 500, Kind.LIVE, (Update(ITEM.key, 99.5, OPEN - 510, 5, 98.0, vtt=15),)))
    assert made.bars[ITEM.key] == []
    made.take(Frame(OPEN + 10, Kind.LIVE, (Update(ITEM.key, 99.5, OPEN - 510, 5, 98.0, vtt=15, tbq=9.0),)))
    assert made.bars[ITEM.key] == []
    assert made.latest[ITEM.key].tbq == 9.0


def test_a_late_trade_widens_the_bar_it_belongs_to():
    made = tape()
    trade(made, OPEN + 1_000, 100.0, 15)
    trade(made, OPEN + 60_500, 101.0, 20)
    made.take(Frame(OPEN + 61_000, Kind.LIVE, (Update(ITEM.key, 90.0, OPEN + 30_000, 1, 98.0, vtt=22),)))
    assert (made.bars[ITEM.key][0].low, made.bars[ITEM.key][0].close, made.bars[ITEM.key][0].vol) == (90.0, 100.0, 7)
    made.take(Frame(OPEN + 62_000, Kind.STATUS, status=Status({"NSE_EQ": "NORMAL_OPEN"})))
    assert made.status.segments == {"NSE_EQ": "NORMAL_OPEN"}
