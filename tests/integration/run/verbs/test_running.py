from __future__ import annotations

import pytest

from pipeline.core.errors import Stopped
from pipeline.core.job import HashWrite
from pipeline.core.schema import SESSION
from pipeline.run.settings import load
from pipeline.run.verbs.running import running_day
from pipeline.store.client import open_clients
from pipeline.store.streams import RedisStore


def test_the_day_that_runs(redis_urls):
    settings = load(environ={}, overrides={f"redis.{role}_url": url for role, url in redis_urls.items()})
    with pytest.raises(Stopped, match="nothing runs here, so all is quiet: start `ticktick up`"):
        running_day(settings, "all is quiet")
    RedisStore(open_clients(redis_urls)).put(HashWrite(SESSION, (), {"date": "2026-11-20"}))
    assert running_day(settings, "all is quiet")[2] == "2026-11-20"
