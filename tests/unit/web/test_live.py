"""The board: parts change only when their content does; a slow socket gets the newest, never a backlog."""

from __future__ import annotations

import asyncio
import json

from pipeline.core.session import Calendar, Phase
from pipeline.core.types import OrderEvent, OrderIntent
from pipeline.engine.identity import entry_cause, identity
from tests.fakes.day_in_redis import DATE, NOW, PROPOSALS, tick
from tests.fakes.page_server import FACTS, HOLIDAYS
from web.live import Board, Sockets, message
from web.reader import Poll


def board() -> Board:
    return Board(FACTS, Calendar.from_rows(json.loads(HOLIDAYS.read_text())).day(DATE), lambda key: f"nonce {key}")


def poll(**prices: float) -> Poll:
    ticks = {symbol: {name: str(value) for name, value in tick(0, price).items()} for symbol, price in prices.items()}
    return Poll(ticks=ticks)


def test_before_the_first_poll_it_says_so():
    fresh = board()
    assert not fresh.state["store"]["is_up"]
    assert fresh.state["watch"] == {}
    assert fresh.now == 0


def test_unchanged_parts_stay_the_same_object():
    shown = board()
    shown.show(poll(A=10.0, B=20.0), 0)
    before = dict(shown.parts)
    shown.show(poll(A=10.5, B=20.0), 0)
    moved = {name for name, text in shown.parts.items() if before.get(name) is not text}
    assert moved == {"watch.A"}


def test_a_symbol_that_left_is_gone():
    shown = board()
    shown.show(poll(A=10.0, B=20.0), 0)
    shown.show(poll(B=20.0), 0)
    assert "watch.A" not in shown.parts
    assert json.loads(shown.parts["symbols"]) == ["B"]


def test_a_lost_redis_keeps_the_values():
    shown = board()
    shown.show(poll(A=10.0), 0)
    shown.lose("gone")
    assert shown.state["watch"]["A"]["ltp"] == 10.0
    assert shown.state["store"] == {"is_up": False, "error": "gone"}
    assert shown.now == NOW
    assert shown.state["clock"]["phase"] == Phase.CONTINUOUS.name


def fed(**fields: object) -> Poll:
    return Poll(feed={name: str(value) for name, value in fields.items()}, health={"ticks": {"at_ms": "1"}})


def test_merging_is_an_alarm_while_it_goes_on(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("web.live.time.monotonic", lambda: now)
    shown = board()
    shown.show(fed(folded_rows=500), 1)
    assert not shown.state["feed"]["is_folding"]  # of before we looked
    shown.show(fed(folded_rows=620), 1)
    assert "feed_folding" in [alert["code"] for alert in shown.state["alerts"]]
    now += 60.0
    shown.show(fed(folded_rows=620), 1)
    assert shown.state["feed"]["folded_rows"] == 620
    assert shown.state["alerts"] == []


def test_a_feed_whose_process_is_gone_has_no_beat():
    shown = board()
    shown.show(fed(state="connected"), 1)
    assert shown.state["feed"]["has_beat"]
    shown.show(fed(state="connected"), 60_000)
    assert not shown.state["feed"]["has_beat"]
    shown.show(Poll(feed={"state": "connected"}), 1)
    assert not shown.state["feed"]["has_beat"]


def test_latency_is_a_part_of_its_own():
    shown = board()
    fields = {f"total_{part}_us": "1500" for part in ("p50", "p99", "p999")} | {"inputs": "3"}
    shown.show(Poll(latency={"ticks": fields, "live": {}}), 0)
    found = json.loads(shown.parts["latency"])
    assert [row["process"] for row in found["rows"]] == ["ticks"]
    assert found["chain"]["us"] == [1500, 1500, 1500]


def test_a_message_is_the_parts_in_one_object():
    assert json.loads(message({'a"b': "1", "c": '{"d":2}'})) == {'a"b': 1, "c": {"d": 2}}


class SlowSocket:
    """Takes a message only when told to."""

    def __init__(self) -> None:
        self.heard: list[dict] = []
        self.gate = asyncio.Event()
        self.closed = False

    async def send_str(self, words: str) -> None:
        await self.gate.wait()
        self.heard.append(json.loads(words))

    async def close(self, code: int, *, drain: bool) -> None:
        self.closed = True


async def _slow() -> list[dict]:
    shown, socket, event = board(), SlowSocket(), asyncio.Event()
    sender = asyncio.create_task(Sockets(shown)._send(socket, event))
    for price in range(1, 51):
        shown.show(poll(A=float(price)), 0)
        event.set()
        await asyncio.sleep(0)
    socket.gate.set()
    for _ in range(50):
        await asyncio.sleep(0)
    sender.cancel()
    return socket.heard


def test_a_slow_socket_skips_to_the_newest():
    heard = asyncio.run(_slow())
    assert len(heard) <= 2
    assert heard[-1]["watch.A"]["ltp"] == 50.0


async def _deaf(monkeypatch) -> SlowSocket:
    monkeypatch.setattr("web.live.SEND_TIMEOUT_S", 0.01)
    socket, event = SlowSocket(), asyncio.Event()
    event.set()
    await asyncio.wait_for(Sockets(board())._send(socket, event), 2)
    return socket


def test_a_socket_that_never_reads_is_dropped(monkeypatch):
    assert asyncio.run(_deaf(monkeypatch)).closed


def test_a_recommendation_shows_its_intent_and_its_denial():
    p, q = PROPOSALS[:2]
    cause = [entry_cause(r.strategy, r.symbol, r.timeframe, r.ts_candle, r.side) for r in (p, q)]
    intent = OrderIntent(
        NOW, identity(cause[0]), cause[0], p.symbol, p.side, "entry", "LIMIT", 7, p.limit_paise, p.stop_paise, 0, 777, "tt-x", p.id, 0
    )
    event = OrderEvent(NOW, "", identity(cause[1]), q.symbol, q.side, "entry", "DENIED", 5, 0, 0, q.limit_paise, 0.0, "halted", "tt-y", 0)
    shown = board()
    shown.show(Poll(feed={"last_ts": str(NOW)}, tails={"recommendations": [p, q], "intents": [intent], "orders": [event]}), 0)
    rows = {row["id"]: row for row in shown.state["recommendations"]}
    assert (rows["r-1"]["state"], rows["r-1"]["qty"], rows["r-1"]["worst_loss_paise"]) == ("open", 7, 777)
    assert (rows["r-2"]["state"], rows["r-2"]["denied"]) == ("denied", "halted")
