"""Connections by role, and the check of what stands behind them.

Retries are off: the client library would otherwise repeat a write whose reply was lost. Time-outs are
set: its defaults break long blocking reads. Replies stay bytes: payloads are binary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.core.errors import Refused, Stopped
from pipeline.core.schema import PROGRESS, Role, Stream
from pipeline.store import codec
from pipeline.store.address import place
from pipeline.store.face import ZERO, EntryId

SOCKET_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 2.0

Clients = dict[Role, "redis.Redis"]


def open_clients(urls: Mapping[Role, str]) -> Clients:
    """Give one blocking client a role. Nothing is sent yet."""
    return {
        role: redis.Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            decode_responses=False,
        )
        for role, url in urls.items()
    }


def open_async(urls: Mapping[Role, str]) -> dict[Role, redis.asyncio.Redis]:
    """Give one asyncio client a role, for the dashboard."""
    return {
        role: redis.asyncio.Redis.from_url(
            url,
            retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            decode_responses=False,
        )
        for role, url in urls.items()
    }


def check(clients: Clients, urls: Mapping[Role, str]) -> list[str]:
    """Probe by doing, and read the settings that money rests on.

    Returns warnings, one line each (a server that may forget or evict).

    Raises:
        Stopped: no server answers.
        Refused: the server has no TimeSeries.
    """
    warnings: list[str] = []
    for role, client in clients.items():
        where = place(urls[role])
        try:
            client.execute_command("TS.CREATE", _PROBE, "RETENTION", 1000)
            client.delete(_PROBE)
        except redis.exceptions.ResponseError as error:
            if "unknown command" in str(error).lower():
                raise Refused(
                    f"Redis at {where} has no TimeSeries: use Redis 8, Redis Stack, or `pip install 'ticktick[embedded]'`"
                ) from error
            if "already exists" not in str(error):
                raise Refused(f"Redis at {where} refuses to write ({error}): check its memory limit, disk and access list") from error
        except redis.exceptions.RedisError as error:
            raise Stopped(
                f"no Redis answers at {where} ({_short(error)}): start one (`sh config/redis.sh server`), or set REDIS_HOST and REDIS_PORT"
            ) from error
        warnings += [f"Redis at {where}: {text}" for text in _weaknesses(client)] if role is Role.DERIVED else []
    return warnings


def forgetful(client: redis.Redis) -> str:
    """Say why a server may lose what it has acknowledged when it is killed; empty when it does not.

    Raises:
        redis.exceptions.RedisError: it cannot be asked.
    """
    try:
        kept = [_setting(client, name) for name in ("appendonly", "appendfsync")]
    except redis.exceptions.ResponseError:
        return "its settings cannot be read"
    return "" if kept == ["yes", "always"] else f"appendonly is {kept[0]}, appendfsync {kept[1]}"


_PROBE = PROGRESS.key("probe") + ":ts"


def _weaknesses(client: redis.Redis) -> list[str]:
    out = []
    try:
        settings = {name: _setting(client, name) for name in ("appendonly", "maxmemory-policy")}
    except redis.exceptions.ResponseError:
        return ["its settings cannot be read; make sure that appendonly is yes and maxmemory-policy is noeviction"]
    if settings.get("appendonly") != "yes":
        out.append("appendonly is off: a crash of the server forgets orders")
    if settings.get("maxmemory-policy") != "noeviction":
        out.append(f"maxmemory-policy is {settings.get('maxmemory-policy')}: it may evict the orders stream; set noeviction")
    return out


def _setting(client: redis.Redis, name: str) -> str:
    reply: Any = client.config_get(name)
    return next((str(_decoded(value)) for value in reply.values()), "")


def _decoded(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _short(error: BaseException) -> str:
    if isinstance(error, redis.exceptions.ConnectionError) and "Connection refused" in str(error):
        return "connection refused"
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def append(client: redis.Redis, stream: Stream, record: Any) -> EntryId:
    """Append one record to a stream that a person writes (confirmations), after its newest entry.

    Two writers at the same instant cannot both win: the later one is refused by Redis and tries again.
    """
    while True:
        newest: Any = client.xrevrange(stream.name, count=1)
        entry_id = (EntryId.parse(newest[0][0]) if newest else ZERO).following(record.ts)
        try:
            client.xadd(stream.name, codec.encode(stream, record), id=str(entry_id))  # type: ignore[arg-type]
        except redis.exceptions.ResponseError as error:
            if "equal or smaller" not in str(error):
                raise
            continue
        return entry_id


async def append_async(client: redis.asyncio.Redis, stream: Stream, record: Any) -> EntryId:
    """As :func:`append`, for the dashboard."""
    while True:
        newest: Any = await client.xrevrange(stream.name, count=1)
        entry_id = (EntryId.parse(newest[0][0]) if newest else ZERO).following(record.ts)
        try:
            await client.xadd(stream.name, codec.encode(stream, record), id=str(entry_id))  # type: ignore[arg-type]
        except redis.exceptions.ResponseError as error:
            if "equal or smaller" not in str(error):
                raise
            continue
        return entry_id
