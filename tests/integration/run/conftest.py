"""A day in a real Redis, for the tests of processes that trade in it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipeline.core.schema import TICKS, Role
from tests.fakes.day_in_redis import NOW, Day
from tests.fakes.trading import frame


@pytest.fixture
def day(redis_urls: Mapping[Role, str]) -> Day:
    day = Day(redis_urls)
    day.write_watchlist()
    day.add(TICKS, frame(NOW, (0, 1412.30, 1412.40)))
    return day
