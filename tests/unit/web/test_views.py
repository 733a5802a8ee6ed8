"""From Redis replies to JSON: absent is None, ages are the feed's, hostile text stays text."""

from __future__ import annotations

import json

import pytest

from pipeline.core.broker import Control, Word
from pipeline.core.rates import LINE_WORDS
from pipeline.core.session import Phase
from pipeline.core.trading import Denial
from pipeline.core.types import Confirmation, Fill, OrderEvent, OrderIntent, Side
from tests.fakes.day_in_redis import NOW, PROPOSALS, instruments, tick
from tests.fakes.page_server import RISK
from web import beside, feed, halted, views


def words(fields: dict) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


def state(**given):
    quiet = views.clock(NOW, 0, Phase.CONTINUOUS, {}, None)
    base = {
        "store": {"is_up": True, "error": ""}, "clock": quiet, "feed": feed.feed({}), "token": views.token({"state": "valid"}),
        "health": [], "portfolio": views.portfolio({}, {}), "order_rate": views.order_rate([], NOW),
        "halt": halted.halted(halted.Said(), None, {"refusal": ""}), "external": beside.external({}, "paper"),
    }  # fmt: skip
    return base | given


def codes(**given) -> list[str]:
    return [alert["code"] for alert in views.alerts(state(**given))]


def test_watch_row_shows_what_the_tick_told():
    row = views.watch_row("TCS", words(tick(1, 3120.4)), {"regime": "ranging"})
    assert row["ltp"] == 3120.4
    assert row["change_ratio"] == pytest.approx(3120.4 / float(tick(1, 3120.4)["cp"]) - 1)
    assert row["spread_bps"] > 0
    assert row["regime"] == "ranging"
    assert row["is_cas"]


def test_absent_is_none_and_never_zero():
    row = views.watch_row(
        "TCS", words({"ltp": 0.0, "cp": 0.0, "bid_px": 0.0, "ask_px": 10.0, "obi": 0.0, "spread_bps": 0.0, "vwap": "nan"}), {}
    )
    assert {row[name] for name in ("ltp", "cp", "change_ratio", "spread_bps", "obi", "vwap", "ts")} == {None}


def test_a_zero_imbalance_with_a_book_is_a_number():
    assert views.watch_row("TCS", words({"bid_px": 9.95, "ask_px": 10.0, "obi": 0.0}), {})["obi"] == 0.0


@pytest.mark.parametrize(
    ("mode", "is_real", "tail"),
    [
        ("paper", False, "no real orders"),
        ("replay", False, "no real orders"),
        ("live-sandbox", False, "no money moves"),
        ("live-real", True, "REAL orders"),
    ],
)
def test_session_says_whether_money_moves(mode, is_real, tail):
    shown = views.session(views.Facts(mode=mode, maker="recorded feed"), {})
    assert shown["is_real"] is is_real
    assert shown["banner"].startswith("recorded feed")
    assert shown["banner"].endswith(tail)


def test_session_in_redis_wins_over_the_start():
    shown = views.session(views.Facts(mode="paper", maker="a"), {"mode": "replay", "maker": "b", "speed": "60.0", "date": "2026-11-20"})
    assert (shown["mode"], shown["maker"], shown["speed"], shown["date"]) == ("replay", "b", 60.0, "2026-11-20")


def test_feed_time_is_the_newest_instant_told():
    rows = [views.watch_row("A", {"ts_exch": "5"}, {}), views.watch_row("B", {}, {})]
    assert views.feed_time(rows, {}) == 5
    assert views.feed_time(rows, {"last_ts": "9"}) == 9
    assert views.feed_time([], {}) == 0


def test_quiet_pre_open_and_a_finished_session_are_no_alarm():
    silent = 60_000
    assert codes(clock=views.clock(NOW, silent, Phase.CONTINUOUS, {}, None)) == ["feed_silent"]
    assert codes(clock=views.clock(NOW, silent, Phase.CLOSED, {}, None)) == []
    assert codes(clock=views.clock(NOW, silent, Phase.CONTINUOUS, {"is_session_over": "1"}, None)) == []
    assert codes(clock=views.clock(0, silent, Phase.CONTINUOUS, {}, None)) == []


def test_alerts_tell_the_gravest_first():
    health = [views.health("live", {"at_ms": "0"}, 60_000), views.health("ticks", {"at_ms": "59000", "last_error": "lost"}, 60_000)]
    found = codes(health=health, feed=feed.feed({"gaps": "2"}), token=views.token({"state": "expired"}))
    assert found == ["token", "process_silent", "feed_gap", "process_error"]
    assert codes(store={"is_up": False, "error": "gone"}, health=health) == ["redis_away"]
    said = halted.said([Control(NOW, Word.HALT, "page", "127.0.0.1")], {"word": ""}, is_alive=True)
    assert codes(halt=halted.halted(said, None, {"refusal": ""})) == ["not_taken"]
    login = feed.feed({"state": "login needed", "unconfirmed": "2", "clock_lag_ms": "2100"})
    assert codes(feed=login) == ["feed_login", "feed_late", "feed_unconfirmed"]
    assert codes(feed=login, token=views.token({"state": "rejected"})) == ["token", "feed_late", "feed_unconfirmed"]
    assert "feed_late" not in codes(feed=login, clock=views.clock(NOW, 0, Phase.CLOSED, {}, None))
    warned = views.portfolio({"warning": "daily loss nears its stop of 20,000.00"}, {})
    assert codes(portfolio=warned) == ["daily_loss"]
    busy = views.order_rate([NOW - 100 * n for n in range(480, 0, -1)], NOW)
    assert busy == {"words": "order calls 480 of 500 in 1 min, 480 of 2,000 in 30 min; used up for entries", "is_near": True}
    assert codes(order_rate=busy) == ["order_rate"]
    assert views.order_rate([], NOW) == {"words": "", "is_near": False}
    assert codes() == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "absent"),
        ({"at_ms": "99000"}, "alive"),
        ({"at_ms": "1000"}, "silent"),
        ({"at_ms": "1000", "is_done": "1"}, "done"),
        ({"pid": "3"}, "silent"),
    ],
)
def test_health_states(fields, expected):
    assert views.health("ticks", fields, 100_000)["state"] == expected


def test_first_answer_counts_whoever_gave_it():
    late, early = Confirmation(20, "r", "confirm", "page"), Confirmation(10, "r", "reject", "terminal")
    assert views.answers_of([[late], [early]]) == {"r": early}


def view_of(record, answer=None, intent=None, now=NOW, risk=RISK, denied=""):
    listed = {i.symbol: i for i in instruments()}
    stake = views.terms(record, intent, listed.get(record.symbol), risk) | {"denied": denied}
    return views.recommendation(record, answer, stake, now, lambda key: f"nonce of {key}")


def test_an_open_recommendation_tells_the_stake_and_carries_a_nonce():
    shown = view_of(PROPOSALS[0])
    assert shown["state"] == "open"
    assert shown["nonce"] == "nonce of r-1"
    assert shown["worst_loss_paise"] == shown["qty"] * shown["risk_paise"]
    assert shown["qty"] * shown["limit_paise"] <= RISK.capital_paise * RISK.max_position_ratio
    assert shown["charges_paise"] > 0
    assert shown["margin_paise"] == round(shown["qty"] * shown["limit_paise"] * RISK.margin_ratio)
    assert shown["max_drift_bps"] == RISK.max_drift_bps
    assert len(shown["reasons"]) == 4


def test_without_limits_the_stake_is_unknown_not_zero():
    shown = view_of(PROPOSALS[0], risk=None)
    assert (shown["qty"], shown["worst_loss_paise"], shown["margin_paise"], shown["max_drift_bps"]) == (None, None, None, None)


def test_the_intent_knows_better_than_the_estimate():
    p = PROPOSALS[0]
    intent = OrderIntent(
        NOW, "i", p.id, p.symbol, p.side, "entry", "LIMIT", 7, p.limit_paise, p.stop_paise, p.target_paise, 777, "t", "", 0
    )
    assert (view_of(p, intent=intent)["qty"], view_of(p, intent=intent)["worst_loss_paise"]) == (7, 777)


def test_answered_and_expired_carry_no_nonce():
    p = PROPOSALS[0]
    assert view_of(p, Confirmation(NOW, p.id, "confirm", "page"))["state"] == "confirmed"
    assert view_of(p, Confirmation(NOW, p.id, "reject", "terminal"))["answered_by"] == "terminal"
    gone = view_of(p, now=p.expires_ms)
    assert (gone["state"], gone["nonce"]) == ("expired", "")


def test_what_was_denied_is_not_open_any_more():
    p = PROPOSALS[0]
    assert (view_of(p, denied="halted")["state"], view_of(p, denied="halted")["nonce"]) == ("denied", "")
    answered = view_of(p, Confirmation(NOW, p.id, "confirm", "page"), denied="price_drift")
    assert (answered["state"], answered["denied"]) == ("confirmed", "price_drift")
    assert view_of(p, now=p.expires_ms, denied="expired")["state"] == "expired"


def test_open_ones_are_never_pushed_out():
    order = [view["id"] for view in views.rank([view_of(p) for p in views.newest(PROPOSALS, NOW)])]
    assert order[:3] == ["r-1", "r-2", "r-3"]
    assert order[3:] == ["r-4", "r-5", "r-6"]
    assert [p.id for p in views.newest(PROPOSALS[:3] + PROPOSALS[3:] * 20, NOW)][:3] == ["r-1", "r-2", "r-3"]


def test_trades_show_the_newest_state_of_each_order():
    first = OrderEvent(1, "o", "i", "TCS", Side.BUY, "entry", "OPEN", 5, 0, 5, 100, 0.0, "", "t", 0)
    last = OrderEvent(3, "o", "i", "TCS", Side.BUY, "entry", "FILLED", 5, 5, 0, 100, 1.0, "", "t", 0)
    denied = OrderEvent(2, "", "j", "TCS", Side.BUY, "entry", "DENIED", 5, 0, 5, 100, 0.0, "too late", "t", 0)
    fills = [Fill(1, "a", "o", "i", "TCS", Side.BUY, 2, 100, "entry"), Fill(2, "b", "o", "i", "TCS", Side.BUY, 3, 100, "entry")]
    why = Denial(
        denied.ts, denied.intent_id, denied.symbol, denied.side, "entry", 4, "stale_quote", "the quote is 6210 ms old, at most 5000"
    )
    shown = views.trades([first, denied, last], fills, [why])
    assert [o["words"] for o in shown["orders"] if o["status"] == "DENIED"] == [why.words]
    assert [order["status"] for order in shown["orders"]] == ["FILLED", "DENIED"]
    assert [fill["trade_id"] for fill in shown["fills"]] == ["b", "a"]


def test_candles_join_by_time_and_leave_out_what_lacks_a_price():
    columns = {
        "open": [(1, 10.0), (2, 11.0)],
        "high": [(1, 12.0), (2, 12.0)],
        "low": [(1, 9.0), (2, 9.0)],
        "close": [(1, 11.0)],
        "volume": [(1, 5.0)],
    }
    assert views.candles(columns) == [[1, 10.0, 12.0, 9.0, 11.0, 5.0]]
    assert views.candles({}) == []


def test_newest_patterns_with_their_record():
    record = {
        "any": "rose 48%",
        "newest": "14:05 harami:bearish doji:neutral",
        "harami:bearish": "47% of 634",
        "hammer:bullish": "50% of 9",
    }
    assert views.patterns(record) == {
        "time": "14:05",
        "any": "rose 48%",
        "found": [
            {"pattern": "harami", "side": "bearish", "record": "47% of 634"},
            {"pattern": "doji", "side": "neutral", "record": ""},
        ],
    }
    assert views.patterns({}) == {"time": "", "found": [], "any": ""}


def test_positions_are_split_into_open_and_closed():
    shown = views.portfolio(
        {"net_paise": "-5", "charges_stamp_paise": "30"}, {"A": {"qty": "-3", "avg_px": "10.5"}, "B": {"qty": "0"}, "C": {}}
    )
    assert shown["net_paise"] == -5
    assert shown["charge_lines"] == {**dict.fromkeys(LINE_WORDS.values()), "stamp duty": 30}
    assert [row["symbol"] for row in shown["positions"]] == ["A"]
    assert [row["symbol"] for row in shown["closed"]] == ["B"]


HELD = {"qty": 50, "state": "opening", "guard": "stop", "covered_qty": 20, "naked_since": NOW - 5_000}


def test_a_position_says_what_guards_it():
    row = views.position("A", words(HELD))
    assert (row["state"], row["guard"], row["covered_qty"], row["naked_since"]) == ("opening", "stop", 20, NOW - 5_000)
    assert views.position("A", words(HELD | {"naked_since": 0}))["naked_since"] is None
    assert views.position("A", {"qty": "5"})["covered_qty"] is None, "an older process does not say"


@pytest.mark.parametrize(("naked_ms", "alarm"), [(4_999, []), (5_000, ["naked"])])
def test_a_position_that_stays_naked_is_an_alarm(naked_ms, alarm):
    portfolio = views.portfolio({}, {"A": words(HELD | {"naked_since": NOW - naked_ms}), "B": words(HELD | {"naked_since": 0})})
    assert codes(portfolio=portfolio) == alarm
    if alarm:
        assert "A: 30 of 50 shares without a stop at the broker for 5 s" in views.alerts(state(portfolio=portfolio))[0]["text"]


def test_hostile_text_stays_text_and_everything_is_json():
    evil = "</script><img src=x onerror=alert(1)>"
    shown = [
        views.watch_row(evil, {"ltp": evil}, {"regime": evil}),
        views.health(evil, {"at_ms": "1", "last_error": evil}, 2),
        views.session(views.Facts(), {"maker": evil}),
    ]
    assert evil in json.dumps(shown, allow_nan=False)
