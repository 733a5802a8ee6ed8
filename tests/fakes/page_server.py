"""The dashboard on a free port, in a thread with its own event loop, for tests that are not asynchronous."""

from __future__ import annotations

import asyncio
import json
import queue
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from pipeline.core.schema import Role
from pipeline.core.session import Calendar
from pipeline.run.settings import load
from tests.fakes.day_in_redis import DATE
from tests.fakes.trading import PARAMS
from web.server import Address, serve
from web.views import Facts

RISK = replace(PARAMS.risk, max_positions=5, max_orders_per_day=200)
FACTS = Facts(mode="paper", maker="generated day, seed 7", session_date=DATE, version="0.1.0", risk=RISK)
HOLIDAYS = Path(__file__).resolve().parents[2] / "config" / "holidays.json"


class PageServer:
    """``with PageServer(urls) as url``; whatever ends the server early is raised here."""

    def __init__(self, urls: Mapping[Role, str], facts: Facts | None = None, address: Address | None = None, **overrides: object) -> None:
        """``overrides`` are settings by their dotted names with two underscores; the halt file lies in a folder of its own."""
        self._facts, self._folder = facts or FACTS, tempfile.TemporaryDirectory()
        given = {f"redis.{role}_url": url for role, url in urls.items()} | {"paths.logs": self._folder.name}
        self.settings = load(environ={}, overrides=given | {name.replace("__", "."): value for name, value in overrides.items()})
        self._address = address or Address(port=0)
        self._ready: queue.Queue[str | BaseException] = queue.Queue()

    def __enter__(self) -> str:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        first = self._ready.get(timeout=20)
        if isinstance(first, BaseException):
            raise first
        return first

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._ready.put(error)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        day = Calendar.from_rows(json.loads(HOLIDAYS.read_text())).day(DATE)
        await serve(self.settings, self._address, self._facts, day, stop=self._stop, on_ready=self._ready.put)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)
        self._folder.cleanup()
        assert not self._thread.is_alive(), f"the dashboard did not stop: {[str(t) for t in asyncio.all_tasks(self._loop)]}"
