"""Orders that leave the house, built from settings: the broker's client, its push stream, the courier. Only towards a simulator so far."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipeline.broker.push import PortfolioStream
from pipeline.broker.rest import LOOPBACK, RestClient, RestConfig
from pipeline.broker.throttle import RedisThrottle
from pipeline.broker.upstox import UpstoxBroker
from pipeline.core.errors import Refused
from pipeline.core.schema import Role
from pipeline.core.types import Instrument
from pipeline.jobs.orders import OUTWARD
from pipeline.run.access import rest_client, tokens
from pipeline.run.courier import Courier, OutwardSource, Patience
from pipeline.run.emergency import HaltFile
from pipeline.run.options import Settings
from pipeline.run.reads import reads_of
from pipeline.run.sources import Source
from pipeline.run.surroundings import Surroundings
from pipeline.store.address import place
from pipeline.store.client import forgetful, open_clients

READS_PER_S = 20.0
"""Listings and look-ups of the order process, at most; the shared quota counts them with everybody else's."""


HOSTS = {"order_url": "api-hft.upstox.com", "rest_url": "api.upstox.com"}
"""The broker by its names: where real orders, and level 4 of the emergency stop, may go."""


def require_hosts(settings: Settings) -> None:
    """Make sure that what changes an account goes where the mode says: to the broker by its names, or to this machine alone.

    Raises:
        Refused: another address.
    """
    for name, host in HOSTS.items():
        url = str(getattr(settings.upstox, name))
        if settings.mode == "live-real":
            if url.rstrip("/") != f"https://{host}":
                raise Refused(f"mode live-real sends orders to https://{host} only, but [upstox] {name} is {url}: correct it")
        elif urlsplit(url).hostname not in LOOPBACK:
            raise Refused(f"mode {OUTWARD} sends orders to this machine only, but [upstox] {name} is {url}: start `ticktick simulate`")


def require_memory(settings: Settings) -> None:
    """Make sure that the journal survives a kill of its server: an order whose record is lost could be sent a second time.

    Raises:
        Refused: the server may forget what it has acknowledged.
    """
    url = settings.redis.urls()[Role.DERIVED]
    why = forgetful(open_clients(settings.redis.urls())[Role.DERIVED])
    if why:
        raise Refused(
            f"Redis at {place(url)} may forget orders ({why}): set appendonly yes and appendfsync always there, "
            "or give the journal a server of its own (redis.derived_url)"
        )


def outward_courier(settings: Settings, instruments: tuple[Instrument, ...]) -> Courier:
    """Build the hands of the order process."""
    require_hosts(settings)
    upstox = settings.upstox
    client = open_clients(settings.redis.urls())[Role.DERIVED]
    orders = RestClient(RestConfig(upstox.order_url, upstox.connect_timeout_s, upstox.total_timeout_s), tokens(settings))
    broker = UpstoxBroker(orders, rest_client(settings), instruments, has_gtts=settings.params.stops.exits == "gtt")
    courier = Courier(broker, HaltFile(settings), RedisThrottle(client), reads_of(settings, READS_PER_S), patience_of(settings))
    broker.objection = courier.objection
    return courier


def patience_of(settings: Settings) -> Patience:
    """Say how old an order may leave: an entry as old as quotes may be, an exit so that it has arrived when a settled book is read.

    Raises:
        Refused: the book would count as settled while an exit may still be on its way.
    """
    orders, upstox = settings.params.orders, settings.upstox
    exit_ms = round((orders.settle_s - upstox.connect_timeout_s - upstox.total_timeout_s) * 1000)
    if exit_ms <= 0:
        raise Refused("orders.settle_s must be longer than [upstox] connect_timeout_s and total_timeout_s together")
    return Patience(settings.params.risk.max_quote_age_ms, exit_ms)


def outward_source(
    house: tuple[Settings, str], instruments: tuple[Instrument, ...], streams: Source, courier: Courier, reached_ms: int
) -> OutwardSource:
    """Put the broker's reports, its pushes and what is looked up for the checks between the streams' entries of a date."""
    settings, date_iso = house
    push = PortfolioStream(rest_client(settings), instruments, courier.deliver)
    watch = Surroundings(settings, date_iso, courier.deliver)
    push.start()
    watch.start()
    return OutwardSource(streams, courier, reached_ms, (push.close, watch.close))
