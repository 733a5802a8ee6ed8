"""A simulator that stands still at 09:21 of a generated day, shared by the calls that only read."""

from __future__ import annotations

import pytest

from pipeline.core.session import ist_ms
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator

DATE = "2026-11-20"


@pytest.fixture(scope="session")
def still():
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as running:
        running.advance([item.key for item in DEFAULT_LISTINGS], ist_ms(DATE, "09:21"))
        yield running
