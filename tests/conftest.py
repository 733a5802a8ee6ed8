"""Fixtures that all layers share: the recorded data, a real Redis, a clean session."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# How many examples a law is tried on that does not say it itself: in the gate, and in a night.
settings.register_profile("gate", max_examples=200, deadline=None)
settings.register_profile("nightly", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nightly" if os.environ.get("TICKTICK_NIGHTLY") == "1" else "gate")


@pytest.fixture(scope="session", autouse=True)
def _registries() -> None:
    """Fill the registries once, as the shell does."""
    from pipeline.run.discovery import jobs

    jobs()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of recorded market data; a clone without it skips these tests and says so."""
    place = Path(os.environ.get("TICKTICK_DATA", ROOT.parent / "shared" / "data"))
    if not place.is_dir():
        if os.environ.get("TICKTICK_REQUIRE_DATA") == "1":
            pytest.fail(f"TICKTICK_REQUIRE_DATA is set, but there is no market data at {place}")
        pytest.skip("no recorded market data here: set TICKTICK_DATA to its folder")
    return place


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping]:
    """Start a real Redis with TimeSeries for this test process."""
    from pipeline.core.errors import Refused
    from pipeline.store.server import start

    try:
        server = start(tmp_path_factory.mktemp("redis"))
    except Refused as error:
        if os.environ.get("TICKTICK_REQUIRE_REDIS") == "1":
            pytest.fail(f"TICKTICK_REQUIRE_REDIS is set, but: {error}")
        pytest.skip(str(error))
    yield server.urls
    server.stop()


@pytest.fixture
def redis_urls(redis_server: Mapping) -> Mapping:
    """Give the URLs of the three roles, emptied key by key (a FLUSHDB would wipe the label index)."""
    from pipeline.store.client import open_clients

    for client in open_clients(redis_server).values():
        for key in client.scan_iter(count=1000):
            client.unlink(key)
    return redis_server
