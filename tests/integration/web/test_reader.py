"""One poll reads it all; a quiet stream is not read again; a cleared one is noticed."""

from __future__ import annotations

import asyncio

from pipeline.core import schema
from pipeline.core.schema import Role
from pipeline.core.types import Side
from pipeline.store import codec
from pipeline.store.client import open_async
from tests.fakes.day_in_redis import NOW as MOMENT
from tests.fakes.day_in_redis import SYMBOLS, Day, recommendation
from web.reader import PROCESSES, Reader


def using(urls, script):
    async def run():
        clients = open_async(urls)
        try:
            return await script(Reader(clients))
        finally:
            for client in clients.values():
                await client.aclose()

    return asyncio.run(run())


def test_processes_are_the_writers_of_the_schema():
    assert set(PROCESSES) == {"ticks", "history", "live", "indicators", "chart", "filtering", "orders", "portfolio"}


def test_a_poll_brings_everything(redis_urls):
    Day(redis_urls).write_all()
    poll = using(redis_urls, lambda reader: reader.poll())
    assert list(poll.instruments) == list(SYMBOLS)
    assert poll.ticks["RELIANCE"]["ltp"] == "1412.35"
    assert poll.regimes["TCS"]["regime"] == "ranging"
    assert poll.portfolio["net_paise"] == "38128"
    assert len(poll.tails[schema.RECOMMENDATIONS.name]) == 6
    assert len(poll.tails[schema.FILLS.name]) == 4
    assert poll.feed["subscribed"] == str(len(SYMBOLS))
    assert poll.wanted["TCS"].startswith("full link=0 confirmed")
    assert poll.latency["ticks"]["inputs"] == "1200"
    assert poll.latency["history"] == {}


def test_what_changes_once_a_second_is_read_once_a_second(redis_urls, monkeypatch):
    day = Day(redis_urls)
    day.write_all()
    monkeypatch.setattr("web.reader.SLOW_S", 3600.0)

    async def script(reader):
        first = await reader.poll()
        day.hash(schema.LATENCY, ("live",), {"inputs": 7})
        day.hash(schema.WANTED, (), {"TCS": "off"})
        day.hash(schema.FEED_STATUS, (), {"gaps": 3})
        soon = await reader.poll()
        monkeypatch.setattr("web.reader.SLOW_S", 0.0)
        return first, soon, await reader.poll()

    first, soon, later = using(redis_urls, script)
    assert soon.latency is first.latency
    assert soon.wanted is first.wanted
    assert soon.feed["gaps"] == "3"
    assert (later.latency["live"]["inputs"], later.wanted["TCS"]) == ("7", "off")


def test_who_runs_only_sometimes_is_not_missed(redis_urls):
    day = Day(redis_urls)
    assert "recorder" not in using(redis_urls, lambda reader: reader.poll()).health
    day.beat("recorder")
    assert using(redis_urls, lambda reader: reader.poll()).health["recorder"]["pid"] == "4200"


def test_tails_follow_and_a_cleared_stream_is_noticed(redis_urls):
    day = Day(redis_urls)
    day.write_all()

    async def script(reader):
        first = (await reader.poll()).tails[schema.RECOMMENDATIONS.name]
        same = (await reader.poll()).tails[schema.RECOMMENDATIONS.name]
        day.clients[Role.DERIVED].unlink(schema.RECOMMENDATIONS.name)
        gone = (await reader.poll()).tails[schema.RECOMMENDATIONS.name]
        day.add(schema.RECOMMENDATIONS, recommendation(9, "TCS", Side.BUY, 0.5, 10, "", MOMENT - 10**9))
        again = (await reader.poll()).tails[schema.RECOMMENDATIONS.name]
        return first, same, gone, again

    first, same, gone, again = using(redis_urls, script)
    assert same is first
    assert gone == []
    assert [record.id for record in again] == ["r-9"]


def test_unreadable_entries_and_rows_are_left_out_and_counted(redis_urls):
    day = Day(redis_urls)
    day.write_all()
    day.clients[Role.DERIVED].xadd(schema.FILLS.name, {"v": "9"})
    fields = codec.encode(schema.RECOMMENDATIONS, recommendation(9, "TCS", Side.BUY, 0.5, 10, ""))
    day.clients[Role.DERIVED].xadd(schema.RECOMMENDATIONS.name, fields | {b"score": b"nan"})
    day.hash(schema.INSTRUMENTS, (), {"77": "no json", "78": '{"symbol": "X"}', "79": "[]"})

    async def script(reader):
        poll = await reader.poll()
        return reader.skipped, len(poll.instruments)

    assert using(redis_urls, script) == (2, len(SYMBOLS))


def test_candles_of_a_series_that_is_not_there_are_empty(redis_urls):
    Day(redis_urls).write_all()
    found = using(redis_urls, lambda reader: reader.candles("TCS", 5, 10))
    assert found == {name: [] for name in schema.CANDLE_FIELDS}
    found = using(redis_urls, lambda reader: reader.candles("RELIANCE", 1, 10))
    assert [len(samples) for samples in found.values()] == [10] * 6
    assert found["open"] == sorted(found["open"])


def test_patterns_of_a_timeframe(redis_urls):
    Day(redis_urls).hash(schema.PATTERN_RECORD, ("TCS", "5m"), {"newest": "14:05 doji:neutral"})
    assert using(redis_urls, lambda reader: reader.patterns("TCS", 5)) == {"newest": "14:05 doji:neutral"}
    assert using(redis_urls, lambda reader: reader.patterns("TCS", 1)) == {}


def test_indicators_of_a_timeframe(redis_urls):
    day = Day(redis_urls)
    day.hash(schema.INDICATOR_LATEST, ("TCS", "5m"), {"rsi_14": 44.0})
    assert using(redis_urls, lambda reader: reader.indicators("TCS", 5)) == {"rsi_14": "44.0"}
    assert using(redis_urls, lambda reader: reader.indicators("TCS", 1)) == {}
