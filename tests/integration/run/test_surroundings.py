"""The looks, against a simulator and an embedded Redis."""

from __future__ import annotations

import time

import pytest

from authentication.token import TokenKind, make_token, save_token
from pipeline import __version__
from pipeline.core.job import HashWrite
from pipeline.core.schema import HEALTH
from pipeline.run import surroundings, universe
from pipeline.run.access import now_ms
from pipeline.run.settings import load
from pipeline.run.surroundings import Surroundings, are_equal, versions
from pipeline.simulator.config import SimulatorConfig
from pipeline.store.client import open_clients
from pipeline.store.streams import RedisStore
from tests.fakes.live_simulator import live_simulator
from tests.fakes.trading import DATE, PAPERS

HOUR_MS = 3_600_000


@pytest.fixture
def placed(tmp_path, redis_urls):
    """A simulator, a token for it, and a Redis with nothing in it: the settings, and a maker of the looks."""
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as running:
        hosts = {f"upstox.{name}": running.base for name in ("order_url", "rest_url")}
        urls = {f"redis.{role}_url": url for role, url in redis_urls.items()}
        settings = load(environ={}, overrides={**hosts, **urls, "paths.token": str(tmp_path / "t.json"), "mode": "simulated"})
        save_token(settings.paths.token, make_token(running.token, TokenKind.OAUTH, now_ms()))
        yield running, settings, RedisStore(open_clients(settings.redis.urls()))


def looking(settings):
    """Give a look that asks the broker each time."""
    watch = Surroundings(settings, DATE, lambda _facts: None)

    def look():
        watch._ask_at = 0.0
        return watch.look()

    return look


def test_nothing_is_known_of_an_empty_house(placed):
    _, settings, _ = placed
    found = Surroundings(settings, DATE, lambda _facts: None).look()
    assert (found.are_versions_equal, found.is_master_of_today) == (None, None)
    assert found.margin_paise == 1_000_000_00
    assert found.token_left_ms is not None
    assert 0 < found.token_left_ms <= 24 * HOUR_MS
    assert found.clock_skew_ms is not None
    assert abs(found.clock_skew_ms) < 1_000, "the simulator's Date is this machine's clock"


def test_what_stands_in_the_house_is_seen(placed):
    _, settings, store = placed
    look = looking(settings)
    universe.publish(store, PAPERS, DATE, "sample")
    store.put(HashWrite(HEALTH, ("orders",), {"version": __version__}))
    assert (look().is_master_of_today, look().are_versions_equal) == (False, None), "the feed's process is not there"
    universe.publish(store, PAPERS, DATE, universe.TODAY)
    store.put(HashWrite(HEALTH, ("ticks",), {"version": __version__}))
    assert (look().is_master_of_today, look().are_versions_equal) == (True, True)
    store.put(HashWrite(HEALTH, ("portfolio",), {"version": "0.0.0"}))
    assert look().are_versions_equal is False
    assert versions(open_clients(settings.redis.urls()))["portfolio"] == "0.0.0"


def test_a_broker_that_refuses_the_token_or_fails_leaves_things_unknown(placed):
    running, settings, _ = placed
    look = looking(settings)
    running.fault(kind="status", status=500, match="/v3/user")
    found = look()
    assert (found.margin_paise, found.clock_skew_ms) == (None, None)
    assert found.token_left_ms
    running.fault(kind="none")
    running.fault(kind="status", status=401, match="/v3/user")
    found = look()
    assert (found.token_left_ms, found.margin_paise) == (0, None)
    settings.paths.token.unlink()
    assert look().token_left_ms == 0


def test_a_redis_that_is_away_leaves_the_house_unknown(placed, monkeypatch):
    _, settings, _ = placed
    away = settings.model_copy(update={"redis": settings.redis.model_copy(update={"derived_url": "redis://127.0.0.1:1/2"})})
    found = Surroundings(away, DATE, lambda _facts: None).look()
    assert (found.are_versions_equal, found.is_master_of_today) == (None, None)
    assert found.margin_paise is not None


def test_the_broker_is_asked_less_often_than_the_house_is_looked_at(placed):
    running, settings, store = placed
    watch = Surroundings(settings, DATE, lambda _facts: None)
    watch.look()
    store.put(HashWrite(HEALTH, ("ticks",), {"version": __version__}))
    found = watch.look()
    assert (found.are_versions_equal, found.margin_paise) == (True, 1_000_000_00)
    asked = [r for r in running.ledger()["requests"] if r["path"] == "/v3/user/get-funds-and-margin"]
    assert len(asked) == 1


def test_it_tells_at_once_and_again_until_it_is_closed(placed, monkeypatch):
    _, settings, _ = placed
    monkeypatch.setattr(surroundings, "AGAIN_S", 0.05)
    told = []
    watch = Surroundings(settings, DATE, told.extend)
    watch.start()
    until = time.monotonic() + 10
    while len(told) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    watch.close()
    assert len(told) >= 3, "versions are not known here: it looks again soon"


def test_versions_are_equal_only_when_the_feed_is_seen():
    assert are_equal({}) is None
    assert are_equal({"ticks": __version__}) is True
    assert are_equal({"ticks": __version__, "live": "9"}) is False
