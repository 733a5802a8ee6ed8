"""The page's eyes: one poll reads everything it shows, in one round trip for each of the three roles.

Reads   readable hashes, the tails of the derived streams, series of candles and indicators
Gives   text fields and records; :mod:`web.views` makes sense of them
Never   writes, scans keys, or asks the label index of TimeSeries. A key comes from the schema only.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import redis.asyncio
import redis.exceptions

from pipeline.core import schema
from pipeline.core.errors import Corrupt
from pipeline.core.schema import HashKey, Role, Stream
from pipeline.core.types import Instrument
from pipeline.store import codec
from web.fields import text_of

TAIL = 200
"""Newest entries of a stream that the page keeps."""
PROCESSES = tuple(dict.fromkeys(s.writer for s in schema.STREAMS if s.writer not in {"terminal", "page", "people"}))
SLOW_S = 1.0
"""Latency and subscriptions are written about once a second, so they are read no more often."""
SOMETIMES = ("recorder", "audit")
"""Processes that run only when asked for: shown when they tell of themselves, not missed when they do not."""
TAILED = (
    schema.RECOMMENDATIONS,
    schema.CONFIRM_TERMINAL,
    schema.CONFIRM_PAGE,
    schema.CONFIRM_AUTO,
    schema.INTENTS,
    schema.DENIALS,
    schema.ORDERS,
    schema.FILLS,
    schema.CONTROLS,
)

Fields = dict[str, str]


@dataclass(slots=True)
class Poll:
    """Everything one poll brought."""

    instruments: dict[str, Instrument] = field(default_factory=dict)
    ticks: dict[str, Fields] = field(default_factory=dict)
    regimes: dict[str, Fields] = field(default_factory=dict)
    indicators: dict[str, Fields] = field(default_factory=dict)
    positions: dict[str, Fields] = field(default_factory=dict)
    health: dict[str, Fields] = field(default_factory=dict)
    latency: dict[str, Fields] = field(default_factory=dict)
    market: Fields = field(default_factory=dict)
    feed: Fields = field(default_factory=dict)
    wanted: Fields = field(default_factory=dict)
    session: Fields = field(default_factory=dict)
    auth: Fields = field(default_factory=dict)
    portfolio: Fields = field(default_factory=dict)
    external: Fields = field(default_factory=dict)
    order_calls: list[int] = field(default_factory=list)
    """Instants of the order calls that the broker still counts."""
    tails: dict[str, list[Any]] = field(default_factory=dict)


class Reader:
    """Reads for the page. Remembers the tails of streams, so that a quiet stream costs one id a poll."""

    def __init__(self, clients: Mapping[Role, redis.asyncio.Redis]) -> None:
        self._clients = clients
        self._newest: dict[str, bytes] = {}
        self._tails: dict[str, list[Any]] = {stream.name: [] for stream in TAILED}
        self._slow_at = float("-inf")
        self._latency: dict[str, Fields] = {}
        self._wanted: Fields = {}
        self._order_calls: list[int] = []
        self.skipped = 0
        """Entries that could not be decoded; counted and left out, so that the page goes on."""

    async def poll(self) -> Poll:
        """Read it all.

        Raises:
            redis.exceptions.RedisError: a server is away; nothing of this poll is to be shown.
        """
        out, now = Poll(), time.monotonic()
        is_slow_due = now - self._slow_at >= SLOW_S
        await self._poll_ticks(out, is_slow_due=is_slow_due)
        await self._poll_derived(out, is_slow_due=is_slow_due)
        if is_slow_due:
            self._slow_at = now
        out.tails, out.latency, out.wanted, out.order_calls = self._tails, self._latency, self._wanted, self._order_calls
        return out

    async def _poll_ticks(self, out: Poll, *, is_slow_due: bool) -> None:
        out.instruments = _listed(text_of(await _all(self._clients[Role.CANDLES], schema.INSTRUMENTS)))
        pipe = self._clients[Role.TICKS].pipeline(transaction=False)
        pipe.hgetall(schema.MARKET_STATUS.key())
        pipe.hgetall(schema.FEED_STATUS.key())
        for symbol in out.instruments:
            pipe.hgetall(schema.TICK_LATEST.key(symbol))
        if is_slow_due:
            pipe.hgetall(schema.WANTED.key())
        replies = iter(await pipe.execute())
        out.market, out.feed = text_of(next(replies)), text_of(next(replies))
        out.ticks = {symbol: text_of(next(replies)) for symbol in out.instruments}
        if is_slow_due:
            self._wanted = text_of(next(replies))

    async def _poll_derived(self, out: Poll, *, is_slow_due: bool) -> None:
        client = self._clients[Role.DERIVED]
        pipe = client.pipeline(transaction=False)
        for key in (schema.SESSION, schema.AUTH_STATUS, schema.PORTFOLIO, schema.EXTERNAL):
            pipe.hgetall(key.key())
        for name in (*PROCESSES, *SOMETIMES):
            pipe.hgetall(schema.HEALTH.key(name))
        for symbol in out.instruments:
            pipe.hgetall(schema.REGIME.key(symbol))
            pipe.hgetall(schema.POSITION.key(symbol))
            pipe.hgetall(schema.INDICATOR_LATEST_1M.key(symbol))
        for stream in TAILED:
            pipe.xrevrange(stream.name, count=1)
        for name in (*PROCESSES, *SOMETIMES) if is_slow_due else ():
            pipe.hgetall(schema.LATENCY.key(name))
        if is_slow_due:
            pipe.lrange(schema.ORDER_CALLS.name, 0, -1)
        replies = iter(await pipe.execute())
        out.session, out.auth, out.portfolio, out.external = (text_of(next(replies)) for _ in range(4))
        for name in (*PROCESSES, *SOMETIMES):
            if (health := text_of(next(replies))) or name in PROCESSES:
                out.health[name] = health
        for symbol in out.instruments:
            out.regimes[symbol], out.positions[symbol], out.indicators[symbol] = (text_of(next(replies)) for _ in range(3))
        moved = [stream for stream in TAILED if self._has_moved(stream, next(replies))]
        if is_slow_due:
            self._latency = {name: text_of(next(replies)) for name in (*PROCESSES, *SOMETIMES)}
            self._order_calls = [int(instant) for instant in next(replies)]
        for stream in moved:
            entries: Any = await client.xrevrange(stream.name, count=TAIL)
            self._tails[stream.name] = self._decode(stream, entries)

    def _has_moved(self, stream: Stream, newest: Any) -> bool:
        """Compare the newest id; any change counts, so that a cleared stream is noticed too."""
        entry_id: bytes = newest[0][0] if newest else b""
        if self._newest.get(stream.name, b"") == entry_id:
            return False
        self._newest[stream.name] = entry_id
        return True

    def _decode(self, stream: Stream, entries: Sequence[Any]) -> list[Any]:
        out = []
        for _, fields in reversed(entries):
            try:
                record = codec.decode(stream, fields)
            except Corrupt:
                self.skipped += 1
                continue
            if any(isinstance(value, float) and not math.isfinite(value) for value in astuple(record)):
                self.skipped += 1
                continue
            out.append(record)
        return out

    async def candles(self, symbol: str, minutes: int, limit: int) -> dict[str, list[tuple[int, float]]]:
        """Newest ``limit`` samples of each candle field, oldest first; a series that is not there is empty."""
        label = schema.timeframe_label(minutes)
        keys = {name: schema.CANDLE_FIELD.key(symbol, label, name) for name in schema.CANDLE_FIELDS}
        return await _ranges(self._clients[Role.CANDLES], keys, limit)

    async def indicators(self, symbol: str, minutes: int) -> Fields:
        """Newest indicators of one symbol and timeframe."""
        label = schema.timeframe_label(minutes)
        key = schema.INDICATOR_LATEST_1M.key(symbol) if minutes == 1 else schema.INDICATOR_LATEST.key(symbol, label)
        raw: Any = await self._clients[Role.DERIVED].hgetall(key)
        return text_of(raw)

    async def patterns(self, symbol: str, minutes: int) -> Fields:
        """The record of patterns of one symbol and timeframe, the newest among them."""
        key = schema.PATTERN_RECORD.key(symbol, schema.timeframe_label(minutes))
        raw: Any = await self._clients[Role.DERIVED].hgetall(key)
        return text_of(raw)


async def _all(client: redis.asyncio.Redis, key: HashKey) -> Any:
    return await client.hgetall(key.key())


async def _ranges(client: redis.asyncio.Redis, keys: Mapping[str, str], limit: int) -> dict[str, list[tuple[int, float]]]:
    pipe = client.pipeline(transaction=False)
    for key in keys.values():
        pipe.execute_command("TS.REVRANGE", key, "-", "+", "COUNT", limit)
    replies = await pipe.execute(raise_on_error=False)
    out: dict[str, list[tuple[int, float]]] = {}
    for name, reply in zip(keys, replies, strict=True):
        if isinstance(reply, redis.exceptions.ResponseError) and "does not exist" in str(reply):
            out[name] = []
        elif isinstance(reply, Exception):
            raise reply
        else:
            out[name] = [(int(ts), float(value)) for ts, value in reversed(reply)]
    return out


def _listed(fields: Fields) -> dict[str, Instrument]:
    """Give today's watchlist in its own order. A row that cannot be read is left out: the page is no judge."""
    out: dict[str, Instrument] = {}
    for sid in sorted((name for name in fields if name.isdecimal()), key=int):
        try:
            instrument = Instrument(**json.loads(fields[sid]))
        except (ValueError, TypeError):
            continue
        out[instrument.symbol] = instrument
    return out
