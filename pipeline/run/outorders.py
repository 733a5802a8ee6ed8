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
from pipeline.run.access import rest_client, tokens
from pipeline.run.courier import Courier, OutwardSource
from pipeline.run.emergency import HaltFile
from pipeline.run.options import Settings
from pipeline.run.reads import reads_of
from pipeline.run.sources import Source
from pipeline.run.surroundings import Surroundings
from pipeline.store.client import open_clients

READS_PER_S = 20.0
"""Listings and look-ups of the order process, at most; the shared quota counts them with everybody else's."""


def require_simulator(settings: Settings) -> None:
    """Make sure that mode ``simulated`` talks to this machine alone.

    Raises:
        Refused: an address of the broker.
    """
    for name in ("order_url", "rest_url"):
        url = str(getattr(settings.upstox, name))
        if urlsplit(url).hostname not in LOOPBACK:
            raise Refused(f"mode simulated sends orders to this machine only, but [upstox] {name} is {url}: start `ticktick simulate`")


def outward_courier(settings: Settings, instruments: tuple[Instrument, ...]) -> Courier:
    """Build the hands of the order process."""
    require_simulator(settings)
    upstox = settings.upstox
    client = open_clients(settings.redis.urls())[Role.DERIVED]
    orders = RestClient(RestConfig(upstox.order_url, upstox.connect_timeout_s, upstox.total_timeout_s), tokens(settings))
    broker = UpstoxBroker(orders, rest_client(settings), instruments, has_gtts=settings.params.stops.exits == "gtt")
    return Courier(broker, HaltFile(settings), RedisThrottle(client), reads_of(settings, READS_PER_S))


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
