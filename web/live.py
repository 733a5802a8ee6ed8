"""State of the page and the sockets that show it.

Reads   a :class:`web.reader.Poll` a few times a second
Gives   a dict of parts (``clock``, ``watch.RELIANCE``, ``recommendations`` ...), each as JSON text, and to each
        socket the parts that changed since its last message
Never   queues: a socket that is slow gets the newest state when it is ready, and none of what it missed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from pipeline.core import schema
from pipeline.core.session import Group, Phase, SessionDay
from pipeline.core.types import Confirmation, OrderIntent, Recommendation
from pipeline.engine.identity import entry_cause, identity
from pipeline.engine.lifecycle import Status
from web import beside, feed, halted, latency, views
from web.fields import Json, whole
from web.reader import Poll

MAX_SOCKETS = 4
SEND_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of recommendations, by the id of their intent: the intent itself, or the reason of a denial."""

    intents: Mapping[str, OrderIntent]
    denied: Mapping[str, str]


@dataclass(slots=True)
class Board:
    """What is shown now. ``state`` holds values, ``parts`` the same as JSON text, kept identical while unchanged."""

    facts: views.Facts
    day: SessionDay | None
    nonce: Callable[[str], str]
    state: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    said: halted.Said = field(default_factory=halted.Said)
    """Emergency words, as Redis last knew them."""
    _moved_at: float = field(default_factory=time.monotonic)
    _folding: feed.Growth = field(default_factory=feed.Growth)
    _slow: tuple[Any, Any] = (None, None)
    """The hashes of latency and subscriptions as last seen: the reader gives the same ones until it reads anew."""
    _follow: Json = field(default_factory=dict)
    _latency: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state["halt"] = halted.halted(self.said, None, {"refusal": ""})
        self.show(Poll(), wall_ms=0)
        self._put({"store": {"is_up": False, "error": "not read yet"}})

    def add(self, name: str, value: Json) -> None:
        """Show something that does not come from Redis."""
        self._put({name: value})

    @property
    def now(self) -> int:
        """Newest instant of the feed, event time."""
        ts: int = self.state["clock"]["ts"]
        return ts

    def show(self, poll: Poll, wall_ms: int) -> None:
        """Take in a poll."""
        rows = {symbol: views.watch_row(symbol, tick, poll.regimes.get(symbol, {})) for symbol, tick in poll.ticks.items()}
        told = {**poll.feed, **poll.health.get(schema.TICKS.writer, {})}
        ts = views.feed_time(rows.values(), told)
        if ts != self.state.get("clock", {}).get("ts"):
            self._moved_at = time.monotonic()
        if poll.latency is not self._slow[0] or poll.wanted is not self._slow[1]:
            self._slow = (poll.latency, poll.wanted)
            self._latency, self._follow = latency.latency(poll.latency), feed.followed(poll.wanted)
        beat = views.health(schema.ORDERS.writer, poll.health.get(schema.ORDERS.writer, {}), wall_ms)
        controls = poll.tails.get(schema.CONTROLS.name, [])
        self.said = halted.said(controls, poll.health.get(schema.ORDERS.writer, {}), is_alive=beat["state"] == "alive")
        health = [views.health(name, fields, wall_ms) for name, fields in poll.health.items()]
        state: dict[str, Any] = {
            "store": {"is_up": True, "error": ""},
            "session": views.session(self.facts, poll.session),
            "clock": self._clock(ts, poll.market, has_auction=any(row["is_cas"] for row in rows.values())),
            "feed": self._feed(told, health),
            "latency": self._latency,
            "token": views.token(poll.auth),
            "watch": rows,
            "recommendations": self._recommendations(poll, ts),
            "portfolio": views.portfolio(poll.portfolio, poll.positions),
            "external": beside.external(poll.external, poll.session.get("mode") or self.facts.mode),
            "trades": views.trades(*(poll.tails.get(stream.name, []) for stream in (schema.ORDERS, schema.FILLS, schema.DENIALS))),
            "order_rate": views.order_rate(poll.order_calls, wall_ms),
            "health": health,
        }
        self._put(state)

    def _feed(self, told: Mapping[str, str], health: list[Json]) -> Json:
        has_beat = any(row["name"] == schema.TICKS.writer and row["state"] in {"alive", "done"} for row in health)
        is_folding = self._folding.saw(whole(told, "folded_rows"), time.monotonic())
        return feed.feed(told, self._follow, has_beat=has_beat, is_folding=is_folding)

    def lose(self, error: str) -> None:
        """Redis is away: keep the last values, say so, and let their age grow."""
        self._put({"store": {"is_up": False, "error": error}, "clock": {**self.state["clock"], "quiet_ms": views.quiet(self._quiet_ms())}})

    def _quiet_ms(self) -> int:
        return int((time.monotonic() - self._moved_at) * 1000)

    def _clock(self, ts: int, market: Mapping[str, str], *, has_auction: bool) -> Json:
        group = Group.EQ_CAS if has_auction else Group.EQ
        phase = Phase.CLOSED if self.day is None or ts == 0 else self.day.phase_at(ts, group)
        open_ms = None if self.day is None else self.day.open_ms(Group.EQ)
        return views.clock(ts, self._quiet_ms(), phase, market, open_ms)

    def _recommendations(self, poll: Poll, now: int) -> list[Json]:
        streams = (schema.CONFIRM_TERMINAL, schema.CONFIRM_PAGE, schema.CONFIRM_AUTO)
        answers = views.answers_of(poll.tails.get(stream.name, []) for stream in streams)
        fates = Fates(
            {intent.id: intent for intent in poll.tails.get(schema.INTENTS.name, [])},
            {event.intent_id: event.reason for event in poll.tails.get(schema.ORDERS.name, []) if event.status == Status.DENIED},
        )
        records = poll.tails.get(schema.RECOMMENDATIONS.name, [])
        return views.rank([self._recommendation(r, answers.get(r.id), fates, poll, now) for r in views.newest(records, now)])

    def _recommendation(self, record: Recommendation, answer: Confirmation | None, fates: Fates, poll: Poll, now: int) -> Json:
        key = identity(entry_cause(record.strategy, record.symbol, record.timeframe, record.ts_candle, record.side))
        stake = views.terms(record, fates.intents.get(key), poll.instruments.get(record.symbol), self.facts.risk)
        return views.recommendation(record, answer, stake | {"denied": fates.denied.get(key, "")}, now, self.nonce)

    def _put(self, state: Mapping[str, Any]) -> None:
        self.state.update(state)
        self.state["alerts"] = views.alerts(self.state)
        fresh = {name: value for name, value in self.state.items() if name != "watch"}
        fresh |= {f"watch.{symbol}": row for symbol, row in self.state["watch"].items()}
        fresh["symbols"] = list(self.state["watch"])
        for gone in self.parts.keys() - fresh.keys():
            del self.parts[gone]
        for name, value in fresh.items():
            text = json.dumps(value, separators=(",", ":"), allow_nan=False)
            if self.parts.get(name) != text:
                self.parts[name] = text


def message(parts: Mapping[str, str]) -> str:
    """Put parts together without encoding them again."""
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in parts.items()) + "}"


class Sockets:
    """At most :data:`MAX_SOCKETS` viewers. Commands are not taken over a socket: what comes in is thrown away."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._wake: dict[web.WebSocketResponse, asyncio.Event] = {}

    def __len__(self) -> int:
        return len(self._wake)

    def wake(self) -> None:
        """Tell every viewer that something may have changed."""
        for event in self._wake.values():
            event.set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Show the board to one viewer until it goes away or stops reading."""
        if len(self._wake) >= MAX_SOCKETS:
            raise web.HTTPServiceUnavailable(text=f"{MAX_SOCKETS} pages are open already: close one")
        socket = web.WebSocketResponse(timeout=CLOSE_TIMEOUT_S, heartbeat=20.0, max_msg_size=1024, compress=False)
        self._wake[socket] = event = asyncio.Event()
        event.set()
        try:
            await socket.prepare(request)
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(self._send(socket, event))
                async for _ in socket:
                    pass
                sender.cancel()
        finally:
            self._wake.pop(socket, None)
        return socket

    async def _send(self, socket: web.WebSocketResponse, event: asyncio.Event) -> None:
        seen: dict[str, str] = {}
        while not socket.closed:
            await event.wait()
            event.clear()
            # Taken before the send: what changes while it waits must count as unseen.
            now = dict(self._board.parts)
            changed = {name: text for name, text in now.items() if seen.get(name) != text}
            if not changed:
                continue
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await socket.send_str(message(changed))
            except (TimeoutError, ConnectionError):
                await socket.close(code=1013, drain=False)
                return
            seen = now

    async def close(self) -> None:
        """Say goodbye to all."""
        async with asyncio.TaskGroup() as group:
            for socket in list(self._wake):
                group.create_task(socket.close(code=1001, message=b"the dashboard is stopping"))
