"""`ticktick clear`: remove every key of our schema from Redis, by SCAN and UNLINK, never by FLUSHDB.

FLUSHDB of any database would wipe the label index of RedisTimeSeries for the whole server. Refuses while
processes run, and asks a person before it removes a trading journal. The account's high-water mark stays (`ticktick highwater reset`).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from pipeline.core.errors import Refused, Stopped
from pipeline.core.schema import HASHES, HEALTH, KEPT, SERIES, STREAMS, Role
from pipeline.run.pids import is_running
from pipeline.run.processes import PROCESSES
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.address import place
from pipeline.store.client import open_clients

BATCH = 500
_HOLE = re.compile(r"\{\w+\}")


def main(args: argparse.Namespace) -> int:
    """Ask, then clear the three roles; print how many keys went."""
    settings = settings_for(args)
    urls = settings.redis.urls()
    where = ", ".join(place(url) for url in urls.values())
    clients = open_clients(urls)
    try:
        alive = living(clients[Role.DERIVED])
        if alive:
            raise Refused(f"processes are running ({', '.join(alive)}): stop them first, with `ticktick down`")
        if not args.yes and not _agreed(where, settings.mode):
            raise Refused("nothing was cleared")
        gone = clear(clients)
    except redis.exceptions.RedisError as error:
        raise Stopped(f"no Redis answers at {where}: start one (`sh config/redis.sh server`), or set REDIS_HOST and REDIS_PORT") from error
    show(args, {"keys": gone, "where": where}, f"{sum(gone.values())} keys removed from {where}")
    return 0


def clear(clients: Mapping[Role, redis.Redis]) -> dict[str, int]:
    """Remove our keys from each role; return how many, by role."""
    return {str(role): sum(_unlink(client, pattern) for pattern in patterns(role)) for role, client in clients.items()}


def patterns(role: Role) -> Iterator[str]:
    """Give the SCAN patterns of everything that the schema puts into a role.

    What outlives a session stays (``KEPT``, and the lists): the broker goes on counting what was booked of its quotas.
    """
    yield from (stream.name for stream in STREAMS if stream.role is role)
    yield from (_HOLE.sub("*", series.template) for series in SERIES if series.role is role)
    yield from (_HOLE.sub("*", family.template) for family in HASHES if family.role in (role, None) and family not in KEPT)


def _unlink(client: redis.Redis, pattern: str) -> int:
    gone, batch = 0, []
    for key in client.scan_iter(match=pattern, count=BATCH):
        batch.append(key)
        if len(batch) == BATCH:
            gone += int(client.unlink(*batch))
            batch = []
    return gone + (int(client.unlink(*batch)) if batch else 0)


def living(client: redis.Redis) -> list[str]:
    """Name the processes that still beat, by their health; one that was killed leaves its hash for some seconds."""
    found = []
    for job in PROCESSES.values():
        fields: Any = client.hgetall(HEALTH.key(job))
        pid = fields.get(b"pid", b"")
        if fields.get(b"is_done") != b"1" and pid.isdigit() and is_running(int(pid), 0):
            found.append(job)
    return found


def _agreed(where: str, mode: str) -> bool:
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask: add --yes when you mean it")
    sys.stderr.write(f"This removes candles, ticks, indicators and the {mode} trading journal at {where}.\nType clear to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "clear"
