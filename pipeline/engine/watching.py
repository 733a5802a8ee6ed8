"""What a person must hear of the account: trades by hand, and each limit of the day when it is reached. Once a day each.

Reads   the desk about once a second, and after every fill: its tally (engine/tally.py), its counts, the limits
Writes  Alert; the hashes ``external`` (with a broker outside) and ``equity`` (of an account that goes on over days), when they change

It stops nothing: that is done by the checks, which look ahead to every stop. Here a limit is reached when the account stands there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline.core.broker import External
from pipeline.core.job import HashWrite
from pipeline.core.money import rupees
from pipeline.core.schema import EQUITY, EXTERNAL
from pipeline.core.types import MINUTE_MS, Alert
from pipeline.engine.desk import Desk
from pipeline.engine.external import external
from pipeline.engine.tally import Tally, tally

LOOK_MS = 1_000
SURE_MS = 30_000
"""A trade of an order that no book shows as another's may still turn out to be ours; after this long somebody is told all the same."""

News = Iterator[Alert | HashWrite]


def watch(desk: Desk, now: int) -> News:
    """Look, when it is time; most calls find that it is not."""
    seen = len(desk.ledger.trades) + len(desk.strange)
    if now - desk.watched_ms < LOOK_MS and seen == desk.watched_trades:
        return
    is_new_minute = now // MINUTE_MS != desk.watched_ms // MINUTE_MS
    is_traded = seen != desk.watched_trades
    desk.watched_ms, desk.watched_trades = now, seen
    all_in = tally(desk)
    for code, words in _reached(desk, all_in):
        yield from _once(desk, code, Alert(now, "error", code, "orders", words))
    if desk.venue is None:
        theirs = external(desk)
        yield from _tell_external(desk, theirs, now)
        yield from _show_external(desk, theirs, now)
    if desk.account and (is_new_minute or is_traded):
        yield HashWrite(EQUITY, (desk.account,), _equity(desk, all_in, now))


def _once(desk: Desk, key: str, alert: Alert) -> Iterator[Alert]:
    if key not in desk.told:
        desk.told[key] = None
        yield alert


def _reached(desk: Desk, t: Tally) -> Iterator[tuple[str, str]]:
    """Give the limits at which the account stands, with the words to say."""
    limits = desk.params.risk
    capital = limits.capital_paise
    warn, stop = round(capital * limits.daily_loss_alert_ratio), round(capital * limits.daily_loss_stop_ratio)
    fall, most_fall = round(capital * limits.drawdown_stop_ratio), round((capital + t.peak_paise) * limits.drawdown_stop_ratio)
    if -t.net_paise >= warn:
        yield (
            "daily_loss_alert",
            f"the day stands at {rupees(t.net_paise)}: beyond the alert of {rupees(warn)}, entries end at {rupees(stop)}",
        )
    if -t.net_paise >= stop:
        yield "daily_loss_stop", f"the day stands at {rupees(t.net_paise)}: beyond the stop of {rupees(stop)}, no more entries today"
    if t.drawdown_paise >= fall:
        yield "drawdown_stop", f"{rupees(t.drawdown_paise)} below the day's peak: beyond the stop of {rupees(fall)}, no more entries today"
    if desk.account and t.fall_paise >= most_fall:
        words = f"{rupees(t.fall_paise)} below the account's high-water mark: beyond the stop of {rupees(most_fall)}"
        yield "high_water_stop", f"{words}, no more entries before `ticktick highwater reset`"
    if desk.ledger.losses_in_row >= limits.max_losses_in_row:
        yield "losses_in_row_stop", f"{desk.ledger.losses_in_row} losing trades in a row: no more entries"
    if desk.sent_today + 2 > limits.max_orders_per_day:
        yield "orders_per_day_stop", f"{desk.sent_today} orders today of {limits.max_orders_per_day}: no room for an entry and its exit"


def _tell_external(desk: Desk, theirs: list[External], now: int) -> Iterator[Alert]:
    for one in theirs:
        key = f"by_hand {one.symbol}"
        if key in desk.told or (one.is_ours and not _is_sure(desk, one.symbol, now)):
            continue
        rule = "no entries of ours there while it is open" if one.is_ours else "not in the watchlist"
        text = f"{one.name}: {one.qty:+d} by hand ({rupees(one.net_paise)} today): counted in the limits, never touched; {rule}"
        yield from _once(desk, key, Alert(now, "warning", "by_hand", "orders", text))


def _is_sure(desk: Desk, symbol: str, now: int) -> bool:
    """Tell whether the trades are somebody else's: the book shows their order as none of ours, or nothing has said otherwise for long."""
    mine = [order_id for name, _, order_id, _ in desk.strange.values() if name == symbol and order_id not in desk.owners]
    since = desk.noticed.setdefault(symbol, now)
    return any(order_id in desk.strangers for order_id in mine) or now - since >= SURE_MS


def _show_external(desk: Desk, theirs: list[External], now: int) -> Iterator[HashWrite]:
    rows = [[e.symbol, e.name, e.qty, e.worth_paise, e.net_paise, int(e.is_ours)] for e in theirs]
    shown = json.dumps(rows, separators=(",", ":"))
    if shown == desk.shown_external:
        return
    desk.shown_external = shown
    held = [e for e in theirs if e.qty != 0]
    fields: dict[str, str | int | float] = {
        "ts": now,
        "positions": len(held),
        "exposure_paise": sum(e.worth_paise for e in held),
        "net_paise": sum(e.net_paise for e in theirs),
        "rows": shown,
    }
    yield HashWrite(EXTERNAL, (), fields)


def _equity(desk: Desk, t: Tally, now: int) -> dict[str, str | int | float]:
    return {
        "ts": now,
        "date": desk.day.date,
        "carried_paise": desk.carried_paise,
        "net_paise": t.net_paise,
        "peak_paise": t.peak_paise,
        "fall_paise": t.fall_paise,
        "limit_paise": round((desk.params.risk.capital_paise + t.peak_paise) * desk.params.risk.drawdown_stop_ratio),
    }
