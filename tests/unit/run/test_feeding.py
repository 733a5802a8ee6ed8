"""The feed as it is built from settings, and people's subscriptions."""

from __future__ import annotations

from pipeline.core.feed import SubscriptionChange
from pipeline.core.job import HashWrite
from pipeline.core.schema import SESSION, SUBSCRIPTIONS
from pipeline.run import feeding
from pipeline.store import codec
from pipeline.store.face import ZERO, EntryId, Progress
from pipeline.store.memory import MemoryStore
from tests.fakes.settings import settings_in


def put_change(store, change):
    """Append as ``store.client.append`` does."""
    held = store.streams.setdefault(SUBSCRIPTIONS.name, [])
    last = held[-1][0] if held else ZERO
    held.append((EntryId(*last).following(change.ts), codec.encode(SUBSCRIPTIONS, change), 0))


def test_the_feeds_patience_is_thesettings_in(tmp_path, monkeypatch):
    made = []

    class Source:
        read = close = status = None

        wanted_rows = idle = None

        def __init__(self, config, *_, **__):
            made.append(config)

    monkeypatch.setattr(feeding, "FeedSource", Source)
    feeding.feed_source(settings_in(tmp_path, **{"feed.liveness_s": 9.0}), None, (), Progress(), is_lossless=True)
    assert (made[0].link.ping_after_s, made[0].link.dead_after_s) == (3.0, 9.0)
    assert (made[0].plan, made[0].client, made[0].is_lossless, made[0].is_recording) == ("normal", "picows", True, False)


def test_subscriptions_are_this_sessions_each_once():
    store = MemoryStore()
    early, late = (SubscriptionChange(ts, "TCS", "add", "", "test") for ts in (900, 1_500))
    put_change(store, early)
    reader = feeding.SubscriptionReader(store, "2026-11-20")
    assert reader.poll() == []  # no session yet
    store.put(HashWrite(SESSION, (), {"date": "2026-11-20", "started_ms": 1_000}))
    put_change(store, late)
    assert reader.poll() == [late]
    assert reader.poll() == []
    again = SubscriptionChange(1_500, "TCS", "remove", "", "test")
    put_change(store, again)
    assert reader.poll() == [again]
    assert feeding.SubscriptionReader(store, "2026-11-20").poll() == [late, again]  # a restart
    assert feeding.SubscriptionReader(store, "2026-11-21").poll() == []
