"""The day that runs in Redis, for verbs that look into it."""

from __future__ import annotations

from pipeline.core.errors import Stopped
from pipeline.core.schema import SESSION, Role
from pipeline.run.options import Settings
from pipeline.store.client import Clients, check, open_clients
from pipeline.store.streams import RedisStore


def running_day(settings: Settings, so: str) -> tuple[Clients, RedisStore, str]:
    """Open the store and give the date of its session.

    Raises:
        Stopped: nothing runs there, ``so`` what is asked for is not to be had.
    """
    urls = settings.redis.urls()
    clients = open_clients(urls)
    check(clients, urls)
    store = RedisStore(clients)
    date = store.fetch(Role.DERIVED, SESSION.key()).get("date")
    if date is None:
        raise Stopped(f"nothing runs here, so {so}: start `ticktick up` or `ticktick demo` first")
    return clients, store, date
