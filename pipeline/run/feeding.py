"""The feed as a source of the ticks process: built from settings, with the helpers that read the broker's other doors."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.broker.feed import Access, FeedConfig, FeedSource
from pipeline.broker.link import LinkConfig
from pipeline.broker.quotes_check import QuotesCheck
from pipeline.broker.repair import MinuteRepair
from pipeline.core.feed import SubscriptionChange
from pipeline.core.schema import SESSION, SUBSCRIPTIONS, Role
from pipeline.core.session import SessionDay
from pipeline.core.types import Instrument
from pipeline.run.access import calendar_of, rest_client, tokens
from pipeline.run.options import Settings
from pipeline.run.reads import reads_of
from pipeline.run.sources import OutsideSource
from pipeline.store.face import EntryId, Progress, Store

SUBSCRIPTION_BATCH = 1_000


class FeedInput(OutsideSource):
    """The feed, with its counts and those of its two helpers for the health of the process."""

    def __init__(self, feed: FeedSource, quotes: QuotesCheck | None, repair: MinuteRepair | None) -> None:
        super().__init__(feed.read, lambda: feed.is_over, feed.close)
        self.feed = feed
        self._counted = {"quotes": quotes, "repairs": repair}
        self.wanted_rows = feed.wanted_rows
        self.idle = feed.idle

    def status(self) -> dict[str, str | int]:
        """Give the state of the connections and every count."""
        told = self.feed.status()
        for word, helper in self._counted.items():
            if helper is not None:
                told |= {f"{word}_{name}": count for name, count in helper.counts().items()}
        return told

    @property
    def received_ns(self) -> list[int]:
        """When the frames of the last read were received, on the monotonic clock."""
        return self.feed.received_ns


class SubscriptionReader:
    """People's subscription changes of this session, each once, in order."""

    def __init__(self, store: Store, date_iso: str) -> None:
        self._store, self._date = store, date_iso
        self._after: EntryId | None = None

    def poll(self) -> list[SubscriptionChange]:
        """Give what was added since the last call; at first, everything since the session was announced."""
        if self._after is None:
            session = self._store.fetch(Role.DERIVED, SESSION.key())
            if session.get("date") != self._date:
                return []  # not announced yet: what lies there is another day's
            self._after = EntryId(int(session["started_ms"]), 0)
        entries = self._store.read([(SUBSCRIPTIONS, self._after)], SUBSCRIPTION_BATCH, 0)[SUBSCRIPTIONS.name]
        if entries:
            self._after = entries[-1].id
        return [entry.record for entry in entries]


def feed_source(
    settings: Settings,
    day: SessionDay,
    instruments: tuple[Instrument, ...],
    progress: Progress,
    *,
    changes: Callable[[], list[SubscriptionChange]] | None = None,
    is_lossless: bool = False,
) -> FeedInput:
    """Build the feed of a session from its settings; ``progress`` says how far it has been committed."""
    access, feed = tokens(settings), settings.feed
    link = LinkConfig(
        settings.upstox.feed_url,
        feed.mode,
        settings.upstox.connect_timeout_s,
        settings.upstox.total_timeout_s,
        ping_after_s=feed.liveness_s / 3,  # two pings of ours may be lost
        dead_after_s=feed.liveness_s,
    )
    config = FeedConfig(
        settings.paths.runtime / "quarantine",
        link,
        silence_ms=settings.params.candles.gap_silence_ms,
        hold_ms=int(feed.hold_s * 1000),
        backoff_s=feed.backoff_min_s,
        backoff_cap_s=feed.backoff_max_s,
        plan=feed.plan,
        client=feed.client,
        confirm_s=feed.confirm_s,
        symbol_silence_s=feed.symbol_silence_s,
        max_backlog_mb=feed.max_backlog_mb,
        is_lossless=is_lossless,
        is_recording=settings.recorder.enabled,
    )
    # The newest committed instant: what the feed brings up to it is a repeat.
    last_ts = progress.now if progress.entries else 0
    quotes, repair = (None, None) if is_lossless else _reading(settings, day, instruments)
    source = FeedSource(config, instruments, Access(access, access.reject), day, last_ts, changes=changes, quotes=quotes, repair=repair)
    return FeedInput(source, quotes, repair)


def _reading(settings: Settings, day: SessionDay, instruments: tuple[Instrument, ...]) -> tuple[QuotesCheck, MinuteRepair | None]:
    """Give what the feed asks of the broker's other doors, in threads of their own and within one budget.

    A run that is to be the same every time has neither: when an answer comes is chance.
    """
    budget = reads_of(settings, settings.history.reads_per_s)
    quotes = QuotesCheck(rest_client(settings), budget)
    if not settings.feed.repair:
        return quotes, None
    by_key = {i.instrument_key: i for i in instruments}
    return quotes, MinuteRepair(rest_client(settings), calendar_of(settings), day.date, by_key, budget=budget)
