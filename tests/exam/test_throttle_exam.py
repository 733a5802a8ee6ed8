"""The order rate in Redis and its twin in memory sit the same exam, on the same clock."""

from __future__ import annotations

import random

import pytest

from pipeline.broker.throttle import MemoryThrottle, RedisThrottle
from pipeline.broker.windows import Urgency, Window
from pipeline.core.schema import ORDER_CALLS, Role
from pipeline.store.client import open_clients

WINDOWS = (Window(5, 1_000, 2), Window(20, 10_000, 4), Window(60, 60_000, 6))


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.mark.parametrize("seed", range(5))
def test_both_answer_the_same_whatever_is_asked(redis_urls, seed: int):
    draw, clock = random.Random(seed), Clock()
    client = open_clients(redis_urls)[Role.DERIVED]
    client.delete(ORDER_CALLS.name)
    ours = (RedisThrottle(client, WINDOWS, clock), MemoryThrottle(WINDOWS, clock))
    for _ in range(400):
        clock.now += draw.choice((0, 0, 1, 50, 400, 3_000)) if draw.random() < 0.98 else -draw.randrange(5_000)
        urgency, verb = draw.choice(list(Urgency)), draw.choice(("take", "take", "wait_ms"))
        answers = [getattr(throttle, verb)(urgency) for throttle in ours]
        assert answers[0] == answers[1]
    assert ours[0].forecast() == ours[1].forecast()
    assert client.llen(ORDER_CALLS.name) <= 60
