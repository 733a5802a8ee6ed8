"""The world's side of the wiring: broker, feed, history, simulator, dashboard.

Everything that needs an address or a token is built here, from settings, and handed to the runner as a
source or to the shell as a call. Against a simulator on loopback the environment's tokens are left alone:
a real token is never sent to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authentication.token import save_token
from authentication.upstox_client import Credentials, Endpoints, exchange_code, login_address
from pipeline.archive.shelf import Shelf
from pipeline.archive.warm import ArchivedCandles
from pipeline.broker.history import HistoryPlan, HistoryReader
from pipeline.broker.instruments import cache_path, watchlist_instruments
from pipeline.broker.rest import LOOPBACK
from pipeline.core.errors import Refused, Stopped
from pipeline.core.session import Calendar, Group, SessionDay, ist_date
from pipeline.core.types import CandleWave, Instrument
from pipeline.indicators.depth import depth
from pipeline.run import masters, supervise
from pipeline.run.access import calendar_of, now_ms, rest_client
from pipeline.run.discovery import jobs
from pipeline.run.feeding import SubscriptionReader, feed_source
from pipeline.run.options import Settings
from pipeline.run.progress import Bar
from pipeline.run.reads import reads_of
from pipeline.run.sources import OutsideSource, Source
from pipeline.store.address import for_cli
from pipeline.store.client import open_clients
from pipeline.store.face import Progress, Store

log = logging.getLogger("ticktick.outside")

ADDRESSES = ("rest_url", "order_url", "feed_url", "login_url", "assets_url")
"""The broker's hosts in the settings; a simulator stands in for all of them."""
WARM_MODULES = ("redis", "picows", "numpy", "pipeline.broker.feed", "pipeline.broker.link_picows", "pipeline.run.wiring")
TIMEOUT_S = 5.0


def warm_kernels() -> None:
    """Compile every kernel once, before the family forks."""
    from pipeline.kernels.jit import warm_up

    warm_up()


def warm_family() -> None:
    """Import what the children use and compile all kernels, once, before the fork."""
    supervise.warm(WARM_MODULES, (jobs, warm_kernels))


# ---------------------------------------------------------------------- sources


def source_of(
    name: str,
    settings: Settings,
    day: SessionDay,
    instruments: tuple[Instrument, ...],
    *,
    store: Store | None = None,
    is_lossless: bool = False,
) -> Callable[[Progress], Source] | None:
    """Give the maker of a job's source, or None when it reads streams.

    ``store`` is where people's subscriptions lie; ``is_lossless`` says that the sender waits for us.
    """
    if name == "ticks":
        changes = SubscriptionReader(store, day.date).poll if store is not None else None
        return lambda progress: feed_source(settings, day, instruments, progress, changes=changes, is_lossless=is_lossless)
    if name == "history":
        return lambda _progress: _history(settings, day, instruments)
    return None


def _history(settings: Settings, day: SessionDay, instruments: tuple[Instrument, ...]) -> Source:
    """Fetch at the first read, with a bar; then hand the waves on. A restart fetches again; the job knows what it has told."""
    waves: list[CandleWave] = []
    is_fetched = False

    def read(limit: int, _timeout_s: float) -> list[CandleWave]:
        nonlocal is_fetched
        if not is_fetched:
            waves.extend(_fetch(settings, day, instruments))
            is_fetched = True
        out = waves[:limit]
        del waves[:limit]
        return out

    return OutsideSource(read, lambda: is_fetched and not waves, lambda: None)


def _fetch(settings: Settings, day: SessionDay, instruments: tuple[Instrument, ...]) -> tuple[CandleWave, ...]:
    calendar = calendar_of(settings)
    budget = reads_of(settings, settings.history.reads_per_s)
    bar = Bar(f"history {day.date}", budget)
    # A day that is not today is a simulator's or a test's: its history ends before its open.
    at = now_ms() if ist_date(now_ms()) == day.date else day.open_ms(Group.EQ)
    plan = HistoryPlan(settings.history.depth(depth), day.date, at)
    reader = HistoryReader(rest_client(settings), calendar, budget, bar.show, _archive(settings, calendar))
    found = reader.fetch(instruments, plan)
    bar.close()
    log.info(
        "history fetched",
        extra={"fields": {"candles": found.candles, "calls": found.calls, "refused": len(found.refused), "short": len(found.short)}},
    )
    if found.candles == 0 and found.refused:
        raise Refused(f"no history came: {found.refused[0]}; try again with scripts/historical_data_fetcher.py")
    if found.candles == 0:
        log.warning("there is no history: indicators warm up on today's own candles")
    return found.waves


def _archive(settings: Settings, calendar: Calendar) -> ArchivedCandles | None:
    """Give the archive, when it is this maker's; a day must not wait for it."""
    shelf = Shelf(settings.paths.archive, settings.maker)
    try:
        shelf.require_maker()
    except Refused as error:
        log.warning("the archive is not used", extra={"fields": {"why": str(error)}})
        return None
    return ArchivedCandles(shelf, calendar)


def resolve_instruments(settings: Settings, date_iso: str) -> tuple[Instrument, ...]:
    """Look the watchlist up in the day's instrument file; see :func:`dated_instruments`."""
    return dated_instruments(settings, date_iso)[0]


def dated_instruments(settings: Settings, date_iso: str) -> tuple[tuple[Instrument, ...], str]:
    """Look the watchlist up in the day's instrument file, and tell which file it was: ``today``, ``earlier`` or ``sample``.

    Raises:
        Refused: a watchlist that cannot be read, a symbol that is not in the file, or (live) no file of today.
    """
    instruments, source = watchlist_instruments(masters.config_of(settings, date_iso), masters.watchlist_of(settings), date_iso)
    if source != "today" and settings.mode.startswith("live-"):
        raise Refused("the instrument file is not today's, and lots and ticks may have changed: `ticktick instruments refresh`")
    if source != "today":
        log.warning("instruments are not today's: for paper only", extra={"fields": {"source": source}})
    return instruments, source


def tend_instruments(settings: Settings, date_iso: str) -> None:
    """Judge the day's file, write the verdict and fill the look-up, once a day and Redis; faults outside the watchlist are only said."""
    path = cache_path(settings.paths.data, date_iso)
    clients = open_clients(settings.redis.urls())
    if not path.exists() or masters.is_tended(path, date_iso, clients):
        return  # a stand-in is in use, which has been said; or it is done
    report = masters.judge(path, masters.watchlist_of(settings), date_iso)
    masters.write_report(report, settings.paths.data)
    counts = masters.publish(clients, masters.rows_in(path), date_iso)
    fields = {"file": path.name, "rows": report.rows, "looked_up": sum(counts.values()), "findings": sum(report.counts.values())}
    log.info("instrument file judged", extra={"fields": fields})


# ---------------------------------------------------------------------- simulator


def write_watchlist(path: Path, url: str) -> None:
    """Take over the symbols that a simulator plays."""
    path.write_text(json.dumps(get_json(f"{url}/_clock")["watch"], indent=1), "utf-8")


def ask_simulator(url: str) -> tuple[str, str]:
    """Give the data maker's name and the date of a simulator."""
    told = get_json(f"{url}/_clock")
    return str(told["maker"]), str(told["date"])


def login_at_simulator(settings: Settings) -> None:
    """Go through the login dialog of a simulator and store the token, as a person would at the broker.

    Raises:
        Refused: the address is not this machine.
    """
    base = settings.upstox.login_url
    if urlsplit(base).hostname not in LOOPBACK:
        raise Refused(f"{base} is no simulator: log in with `ticktick login --open`")
    app = Credentials("ticktick-demo", secrets.token_hex(16), settings.upstox.redirect_uri)
    endpoints = Endpoints(base, settings.upstox.rest_url)
    state = secrets.token_urlsafe(32)
    query = parse_qs(urlsplit(_redirect_of(login_address(endpoints, app, state))).query)
    if not secrets.compare_digest(query.get("state", [""])[0], state):
        raise Refused("the simulator's login did not echo our state")
    save_token(settings.paths.token, asyncio.run(exchange_code(endpoints, app, query["code"][0], now_ms())))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def _redirect_of(url: str) -> str:
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as reply:
        with reply:
            return str(reply.headers["Location"])
    raise Refused("the simulator's login dialog did not redirect")


def get_json(url: str) -> Any:
    """Ask a simulator for one of its own addresses.

    Raises:
        Stopped: none answers there.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT_S) as reply:
            return json.load(reply)
    except OSError as error:
        raise Stopped(f"no simulator answers at {url}: run `ticktick simulate`") from error


# ---------------------------------------------------------------------- dashboard


def run_dashboard(settings: Settings, day: SessionDay, should_stop: Callable[[], bool], *, is_browsing: bool = False) -> None:
    """Serve the page until asked to stop; ``should_stop`` tells whether that was before the server listened to signals."""
    from web.server import Address, serve
    from web.views import Facts

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if should_stop():
            stop.set()
        facts = Facts(settings.mode, settings.maker, day.date, risk=settings.params.risk)
        address = Address(settings.dashboard.host, settings.dashboard.port)
        await serve(settings, address, facts, day, stop=stop, on_ready=partial(_show_page, is_browsing=is_browsing))

    asyncio.run(main())


def require_port(settings: Settings) -> None:
    """Find out before the day begins whether the page can have its port.

    Raises:
        Refused: another program has it.
    """
    from web.server import Address, bind

    bind(Address(settings.dashboard.host, settings.dashboard.port)).close()


def _show_page(url: str, *, is_browsing: bool) -> None:
    """The page is there: say so, and open it where there is a screen."""
    log.info("page ready at %s", url)
    has_screen = any(name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY")) or os.uname().sysname == "Darwin"
    if is_browsing and has_screen:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


def greet(say: Callable[[str], None], settings: Settings) -> None:
    """Print where to look."""
    address = f"http://{settings.dashboard.host}:{settings.dashboard.port}/"
    say(f"page:   {address}   (Ctrl-C ends everything)")
    say(f"redis:  sh config/redis.sh cli {for_cli(settings.redis.derived_url)} XREVRANGE recommendations + - COUNT 3")
