from __future__ import annotations

import pytest
import redis

from pipeline.core.errors import Refused
from pipeline.core.job import SampleWrite
from pipeline.core.schema import LTP, METRIC, Role
from pipeline.store.client import open_clients
from pipeline.store.pipe import Pipe
from pipeline.store.series import SeriesWriter, madd


@pytest.fixture
def client(redis_urls) -> redis.Redis:
    return open_clients(redis_urls)[Role.TICKS]


def _write(writer: SeriesWriter, client: redis.Redis, *samples: SampleWrite) -> None:
    prepared = writer.prepare(samples)
    writer.settle(prepared, Pipe(client).transaction([madd(prepared)], 1)[0])


def test_created_from_the_schema_with_labels_and_policy(client):
    writer = SeriesWriter(Pipe(client))
    _write(writer, client, SampleWrite(METRIC, ("RELIANCE", "mid"), 1000, 1.5))
    raw = client.execute_command("TS.INFO", "symbol:RELIANCE:mid")
    text = str(raw if isinstance(raw, (list, dict)) else vars(raw))
    assert client.execute_command("TS.QUERYINDEX", "symbol=RELIANCE", "metric=mid") == [b"symbol:RELIANCE:mid"]
    assert str(METRIC.retention_ms) in text
    assert "last" in text


def test_same_instant_keeps_the_newest(client):
    writer = SeriesWriter(Pipe(client))
    _write(writer, client, SampleWrite(LTP, ("X",), 5, 1.0), SampleWrite(LTP, ("X",), 5, 2.0))
    _write(writer, client, SampleWrite(LTP, ("X",), 5, 3.0))
    assert client.ts().range("symbol:X", "-", "+") == [(5, 3.0)]


def test_a_key_that_went_away_is_made_again(client):
    writer = SeriesWriter(Pipe(client))
    _write(writer, client, SampleWrite(LTP, ("X",), 5, 1.0))
    client.unlink("symbol:X")
    _write(writer, client, SampleWrite(LTP, ("X",), 6, 2.0), SampleWrite(LTP, ("Y",), 6, 2.0))
    assert client.ts().range("symbol:X", "-", "+") == [(6, 2.0)]


def test_a_sample_that_is_not_taken_is_refused(client):
    client.set("symbol:Z", "not a series")
    writer = SeriesWriter(Pipe(client))
    with pytest.raises((Refused, redis.exceptions.ResponseError)):
        _write(writer, client, SampleWrite(LTP, ("Z",), 5, 1.0))
