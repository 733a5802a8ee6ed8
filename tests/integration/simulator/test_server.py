import asyncio
import socket

import pytest

from pipeline.core.errors import Refused
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.server import serve
from tests.fakes.live_simulator import live_simulator, raw_frames


def test_a_taken_port_is_refused_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Refused, match="cannot be had"):
            asyncio.run(serve(SimulatorConfig(port=taken.getsockname()[1], session="09:15-09:16"), print))


def test_a_day_without_trading_is_refused():
    with pytest.raises(Refused, match="no trading day"):
        asyncio.run(serve(SimulatorConfig(date="2026-11-22"), print))


def test_it_stops_with_connections_open():
    with live_simulator(SimulatorConfig(session="09:15-09:16", hold=True)) as sim:
        opened = sim.feed([])
        line = opened.__enter__()
    list(raw_frames(line))
    assert line.close_code in (1001, 1006)
    opened.__exit__(None, None, None)
