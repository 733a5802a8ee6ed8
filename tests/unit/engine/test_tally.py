"""What people do in the account counts in the limits; the peaks of the day and of all days."""

from pipeline.core.broker import Answer
from pipeline.core.trading import Denial
from pipeline.engine.desk import dump, new_desk, restore
from pipeline.engine.facts import activity_of, conditions_of
from pipeline.engine.orders import entry_intent
from pipeline.engine.tally import tally
from tests.fakes.outward_desk import CALM, Talk
from tests.fakes.trading import PAPERS, day, params, recommendation

FAR = {"symbol": "BSE_EQ|INE9", "name": "TITAN", "qty": -100, "px_paise": 3_000_00, "pnl_paise": -5_000_00}


def by_hand(talk, qty=5_000, symbol="BBB", px=100_00, side="BUY", at="h1"):
    return talk.say(Answer.TRADE, order_id=at, trade_id=at, qty=qty, px_paise=px, side=side, symbol=symbol)


def activity(talk, symbol="AAA"):
    return activity_of(talk.desk, entry_intent(talk.desk, recommendation(symbol, talk.now), talk.now), talk.now)


def denials(talk, symbol="AAA"):
    talk.look()
    talk.enter(symbol)
    return [r.code for r in talk.answered if isinstance(r, Denial)]


def test_exposure_count_and_loss_by_hand_are_those_of_the_account():
    talk = Talk().ready()
    by_hand(talk)
    talk.tick(CALM, (1, 79.95, 80.05))
    talk.wait(5_000)
    talk.read_books({"BBB": 5_000}, (FAR,))
    a = activity(talk)
    assert (a.exposure_paise, a.net_exposure_paise, a.open_symbols) == (400_000_00 + 300_000_00, 400_000_00 - 300_000_00, 2)
    assert -106_000_00 < a.net_paise < -105_000_00
    assert a.drawdown_paise == a.fall_paise == -a.net_paise
    assert conditions_of(talk.desk, talk.now).margin_paise <= 100_000_000 - 140_000_00


def test_a_loss_by_hand_stops_entries_for_the_day():
    talk = Talk().ready()
    by_hand(talk)
    talk.tick(CALM, (1, 79.95, 80.05))
    talk.wait(5_000)
    talk.read_books({"BBB": 5_000})
    talk.tick(CALM)
    assert denials(talk) == ["daily_loss"]


def test_positions_by_hand_take_the_places_of_ours():
    talk = Talk(max_positions=2).ready()
    talk.wait(5_000)
    talk.read_books({}, (FAR | {"pnl_paise": 0}, FAR | {"symbol": "NSE_FO|1", "pnl_paise": 0}))
    talk.tick(CALM)
    assert denials(talk) == ["max_positions"]


def test_a_position_by_hand_in_a_paper_keeps_our_entries_out_of_it_until_it_is_closed():
    talk = Talk().ready()
    by_hand(talk, 7, "AAA")
    talk.wait(5_000)
    talk.read_books({"AAA": 7})
    talk.tick(CALM)
    assert denials(talk) == ["held_by_hand"]
    by_hand(talk, 7, "AAA", side="SELL", at="h2")
    talk.wait(5_000)
    talk.read_books()
    talk.tick(CALM)
    assert denials(talk) == []


def test_a_gain_by_hand_loosens_nothing():
    talk = Talk().ready()
    by_hand(talk)
    talk.tick(CALM, (1, 119.95, 120.05))
    talk.wait(5_000)
    talk.read_books({"BBB": 5_000}, (FAR,))
    assert tally(talk.desk).net_paise == 0, "100,000 made and 5,000 lost elsewhere by hand: no profit, and no loss either"


def test_what_was_closed_of_ours_by_hand_is_no_loss_that_grows_with_the_price():
    talk = Talk().ready()
    talk.filled()
    by_hand(talk, 499, "AAA", 101_00, "SELL")
    talk.tick((0, 79.95, 80.05))
    found = tally(talk.desk)
    assert 0 < found.net_paise < 499 * 95, "made 0.95 a share, less charges, whatever the price does now"
    assert (found.exposure_paise, found.net_exposure_paise) == (-499 * 80_00, -499 * 80_00), "the account holds nothing there"


def test_the_peak_of_all_days_is_higher_than_the_day():
    desk = new_desk(PAPERS, day(), params())
    desk.carried_paise, desk.peak_paise = -2_000_000, 1_000_000
    found = tally(desk)
    assert (found.drawdown_paise, found.fall_paise, found.peak_paise) == (0, 3_000_000, 1_000_000)


def test_three_bad_days_stop_entries_though_the_day_itself_is_young():
    talk = Talk().ready()
    talk.desk.carried_paise = -4_000_000 + 1
    talk.tick(CALM)
    assert denials(talk) == ["high_water"]


def test_the_peaks_are_part_of_the_state():
    talk = Talk().ready()
    desk = talk.desk
    desk.account, desk.carried_paise, desk.peak_paise, desk.day_peak_paise, desk.told = "simulated", 5, 7, 3, {"x": None}
    other = new_desk(PAPERS, day(), params(), is_outward=True)
    restore(other, *dump(desk))
    assert (other.account, other.carried_paise, other.peak_paise, other.day_peak_paise, other.told) == ("simulated", 5, 7, 3, {"x": None})
