"""The ledger in a real Redis: many processes book at once, and none beyond the limits."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import redis

from pipeline.broker.quota import Limit
from pipeline.broker.shared_quota import FileLedger, RedisLedger, ledgers_at
from pipeline.core.schema import READS, Role

LIMITS = (Limit(5, 1_000), Limit(40, 60_000))


def test_many_who_book_at_once_keep_one_quota(redis_urls, tmp_path):
    both = [ledgers_at(redis_urls[Role.DERIVED], tmp_path / "x") for _ in range(4)]
    assert [[type(one) for one in each] for each in both] == [[FileLedger, RedisLedger]] * 4
    ledgers = [each[1] for each in both]

    def book(n: int) -> float:
        began = time.monotonic()
        return began + ledgers[n % 4].book(LIMITS) / 1000

    with ThreadPoolExecutor(4) as pool:
        at = sorted(pool.map(book, range(40)))
    assert len(at) == 40
    client = redis.Redis.from_url(redis_urls[Role.DERIVED])
    assert len(client.hget(READS.key(), "calls")) == 40 * 8, "a booking was lost"
    assert at[-1] - at[0] > 6.9, "forty calls at five a second"
    assert ledgers[0].book(LIMITS) > 40_000
