"""Each thing that a person must hear is said once a day, and shown while it lasts."""

import json

from pipeline.core.broker import Answer, BrokerReport
from pipeline.core.job import HashWrite
from pipeline.core.schema import ALERTS, EQUITY, EXTERNAL
from pipeline.core.types import Alert
from pipeline.engine.watching import SURE_MS, watch
from pipeline.jobs.orders import job
from pipeline.store.codec import decode, encode
from tests.fakes.outward_desk import CALM, Talk

FAR = {"symbol": "BSE_EQ|INE9", "name": "TITAN", "qty": -100, "px_paise": 3_000_00, "pnl_paise": -5_000_00}


def looks(talk, times=3):
    out = []
    for _ in range(times):
        talk.tick(CALM, after_ms=1_100)
        out += watch(talk.desk, talk.now)
    return out


def codes(found):
    return [one.code for one in found if isinstance(one, Alert)]


def hand(talk, px, qty=100, row=True):
    if row:
        talk.say(Answer.ROW, order_id="H1", symbol="BBB", side="BUY", status="complete", qty=qty, cum_qty=qty)
    talk.say(Answer.TRADE, order_id="H1", trade_id="h1", qty=qty, px_paise=px, side="BUY", symbol="BBB")


def test_a_position_outside_is_told_once_and_shown_with_its_name():
    talk = Talk().ready()
    talk.wait(5_000)
    talk.read_books({}, (FAR,))
    found = looks(talk)
    assert codes(found) == ["by_hand"]
    (shown,) = [one for one in found if isinstance(one, HashWrite)]
    assert (shown.hash, shown.fields["positions"], shown.fields["exposure_paise"], shown.fields["net_paise"]) == (
        EXTERNAL,
        1,
        30_000_000,
        -500_000,
    )
    assert json.loads(shown.fields["rows"]) == [["BSE_EQ|INE9", "TITAN", -100, 30_000_000, -500_000, 0]]
    alert = next(one for one in found if isinstance(one, Alert))
    assert "TITAN: -100 by hand" in alert.message
    assert decode(ALERTS, encode(ALERTS, alert)) == alert
    talk.wait(5_000)
    talk.read_books()
    assert [one.fields["rows"] for one in looks(talk) if isinstance(one, HashWrite)] == ["[]"], "and goes when it is closed"


def test_a_trade_by_hand_is_told_when_the_book_shows_whose_it_is_or_after_a_while():
    talk = Talk().ready()
    hand(talk, 100_00)
    assert codes(looks(talk)) == ["by_hand"]
    other = Talk().ready()
    hand(other, 100_00, row=False)
    assert codes(looks(other)) == [], "its order may yet turn out to be ours"
    assert codes(looks(other, SURE_MS // 1_000)) == ["by_hand"]


def test_the_limits_of_the_day_are_told_when_they_are_reached_each_once():
    talk = Talk().ready()
    hand(talk, 100_00, 5_000)
    talk.tick((1, 97.95, 98.05))
    assert codes(looks(talk)) == ["daily_loss_alert", "by_hand"]
    talk.tick((1, 95.95, 96.05))
    assert codes(looks(talk)) == ["daily_loss_stop"]
    talk.tick((1, 91.95, 92.05))
    assert codes(looks(talk)) == ["drawdown_stop"]
    talk.tick((1, 99.95, 100.05))
    assert codes(looks(talk)) == []
    talk.tick((1, 91.95, 92.05))
    assert codes(looks(talk)) == [], "once a day"


def test_the_other_limits():
    talk = Talk(max_orders_per_day=3).ready()
    talk.desk.account, talk.desk.carried_paise = "simulated", -4_000_000
    talk.desk.ledger.losses_in_row, talk.desk.sent_today = 6, 2
    assert codes(looks(talk)) == ["high_water_stop", "losses_in_row_stop", "orders_per_day_stop"]


def test_the_equity_of_an_account_is_written_minute_by_minute_and_with_each_trade():
    talk = Talk().ready()
    assert not [one for one in looks(talk, 130) if getattr(one, "hash", None) is EQUITY], "no account, no mark"
    talk.desk.account, talk.desk.carried_paise, talk.desk.peak_paise = "simulated", -7, 100
    written = [one for one in looks(talk, 110) if getattr(one, "hash", None) is EQUITY]
    assert [one.labels for one in written] == [("simulated",)] * 2
    assert {name: written[-1].fields[name] for name in ("carried_paise", "net_paise", "peak_paise", "fall_paise", "limit_paise")} == {
        "carried_paise": -7, "net_paise": 0, "peak_paise": 100, "fall_paise": 107, "limit_paise": 4_000_004,
    }  # fmt: skip
    hand(talk, 100_00)
    assert [one for one in looks(talk, 1) if getattr(one, "hash", None) is EQUITY]


def test_the_order_process_looks_with_each_frame_and_each_report():
    talk = Talk().ready()
    talk.desk.account = "simulated"
    talk.now += 60_000
    beat = [out for out in job.step(talk.desk, BrokerReport(talk.now, Answer.BEAT), talk.now) if isinstance(out, HashWrite)]
    assert {out.hash for out in beat} == {EXTERNAL, EQUITY}
