"""The clients against the local Upstox: login, instruments, history, and the feed through broken connections."""

import asyncio
import hashlib
import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from authentication.login import Desk, run_open, run_paste
from authentication.source import TokenSource
from authentication.upstox_client import Credentials, Endpoints
from pipeline.broker.feed import Access, FeedConfig, FeedSource
from pipeline.broker.history import HistoryPlan, HistoryReader
from pipeline.broker.instruments import MasterConfig, watchlist_instruments
from pipeline.broker.link import LinkConfig
from pipeline.broker.quota import Limit, ReadBudget
from pipeline.broker.rest import RestClient, RestConfig
from pipeline.core.session import Calendar, Group
from pipeline.core.types import TIMEFRAMES, TickBatch, TickKind
from pipeline.core.watchlist import parse_watchlist
from pipeline.simulator.server import SimulatorConfig, serve
from tests.fakes.broker_server import eventually

ROOT = Path(__file__).resolve().parents[3]
DATE = "2026-11-20"
CALENDAR = Calendar.from_rows(json.loads((ROOT / "config" / "holidays.json").read_text()))
WATCH = parse_watchlist(json.loads((ROOT / "config" / "symbols.json").read_text()), "symbols.json")
NOW = 1_763_600_000_000


class Simulator:
    """A simulator in a thread; ``url`` is its address."""

    def __init__(self, **options) -> None:
        self.url = ""
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()

        def announce(url: str) -> None:
            self.url = url
            ready.set()

        def run() -> None:
            asyncio.set_event_loop(self._loop)
            self._task = self._loop.create_task(serve(SimulatorConfig(date=DATE, watch=WATCH, **options), announce))
            try:
                self._loop.run_until_complete(self._task)
            except asyncio.CancelledError:
                pass
            finally:
                self._loop.close()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert ready.wait(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)


@pytest.fixture
def simulate():
    opened = []

    def start(**options):
        opened.append(Simulator(**options))
        return opened[-1]

    yield start
    for simulator in opened:
        simulator.stop()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args, **_kwargs):
        return None


def visit(address: str) -> str:
    """Be the person at the login dialog: return the address that it sends the browser to."""
    try:
        urllib.request.build_opener(NoRedirect).open(address, timeout=5)
    except urllib.error.HTTPError as reply:
        return reply.headers["Location"]
    raise AssertionError("the dialog did not redirect")


def wall_now() -> int:
    import time

    return time.time_ns() // 1_000_000


def log_in(url: str, tmp_path: Path) -> TokenSource:
    said: list[str] = []
    desk = Desk(
        tmp_path / "upstox.token.json",
        wall_now,
        said.append,
        lambda _prompt: visit(next(word for line in said for word in line.split() if "state=" in word)),
        Endpoints(url, url),
    )
    run_paste(Credentials("ticktick-demo", "s", "http://127.0.0.1:5000/callback"), desk)
    return TokenSource(tmp_path / "upstox.token.json", tmp_path / "none.json", {}, wall_now)


def feed(url: str, tmp_path: Path, tokens, instruments, last_ts=0) -> FeedSource:
    config = FeedConfig(tmp_path / "quarantine", LinkConfig(url), silence_ms=0, backoff_s=0.02, backoff_cap_s=0.1)
    return FeedSource(config, instruments, Access(tokens, tokens.reject), CALENDAR.day(DATE), last_ts)


def play_out(source: FeedSource, take, limit=10**9) -> None:
    """Read until it is over, or ``limit`` records were taken."""
    count = 0

    def step() -> bool:
        nonlocal count
        for record in source.read(64, 0.2):
            take(record)
            count += 1
            if count >= limit:
                return True
        return source.is_over

    eventually(step, 60)


class Digest:
    """Counts and a digest over the live rows, without our receive time."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.frames = self.last_ts = 0
        self.gaps: list[tuple[int, int]] = []

    def __call__(self, record) -> None:
        assert record.ts >= self.last_ts
        self.last_ts = record.ts
        if not isinstance(record, TickBatch):
            return
        if record.rows["kind"][0] == TickKind.GAP:
            self.gaps.append((int(record.rows["ltt"][0]), int(record.rows["ts_exch"][0])))
            return
        self._hash.update(record.rows.tobytes())
        self.frames += 1

    @property
    def text(self) -> str:
        return self._hash.hexdigest()


def master(url: str, tmp_path: Path):
    return watchlist_instruments(MasterConfig(tmp_path / "data", None, RestConfig(url)), WATCH, DATE)


def test_login_instruments_and_history(simulate, tmp_path):
    url = simulate(seed=7, session="short").url
    tokens = log_in(url, tmp_path)
    assert tokens.status()["state"] in ("valid", "expiring")
    instruments, source = master(url, tmp_path)
    assert source == "today"
    assert [i.symbol for i in instruments] == [w.symbol for w in WATCH]
    reader = HistoryReader(RestClient(RestConfig(url), tokens), CALENDAR, ReadBudget((Limit(10_000, 1),)))
    depth = dict.fromkeys(TIMEFRAMES, 250)
    found = reader.fetch(instruments[:4], HistoryPlan(depth, DATE, CALENDAR.day(DATE).open_ms(Group.EQ)))
    assert found.refused == ()
    assert found.short == ()
    rows = np.concatenate([w.rows for w in found.waves])
    assert len(rows) == 4 * 6 * 250
    assert rows["ts"].max() < CALENDAR.day(DATE).open_ms(Group.EQ)


def test_login_through_the_browser(simulate, tmp_path):
    import socket

    url = simulate(seed=7, session="short").url
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    uri = f"http://127.0.0.1:{port}/callback"
    desk = Desk(tmp_path / "upstox.token.json", wall_now, lambda _w: None, lambda _p: "", Endpoints(url, url))

    def browse(address: str) -> None:
        assert parse_qs(urlsplit(address).query)["redirect_uri"] == [uri]
        threading.Thread(target=lambda: urllib.request.urlopen(visit(address), timeout=5).close(), daemon=True).start()

    token = run_open(Credentials("ticktick-demo", "s", uri), desk, browse)
    assert token.expires_ms > wall_now()


def test_a_token_that_the_broker_does_not_know(simulate, tmp_path):
    url = simulate(seed=7, session="short").url
    instruments, _ = master(url, tmp_path)
    rejected: list[str] = []
    config = FeedConfig(tmp_path / "quarantine", LinkConfig(url))
    source = FeedSource(config, instruments, Access(lambda: "foreign", rejected.append), CALENDAR.day(DATE))
    eventually(lambda: source.read(10, 0.1) == [] and source.status()["state"] == "login needed")
    assert "ticktick login" in source.status()["last_error"]
    assert rejected == ["foreign"]
    source.close()


def test_held_frames_survive_restarts_without_a_gap(simulate, tmp_path):
    whole, broken = Digest(), Digest()
    for digest, portions in ((whole, []), (broken, [150, 700, 40, 3])):
        url = simulate(seed=7, session="09:15-09:20", hold=True).url
        tokens = log_in(url, tmp_path)
        instruments, _ = master(url, tmp_path)
        for portion in portions:
            source = feed(url, tmp_path, tokens, instruments, digest.last_ts)
            play_out(source, digest, portion)
            source.close()
        source = feed(url, tmp_path, tokens, instruments, digest.last_ts)
        play_out(source, digest)
        told = source.status()
        assert told["state"] == "over"
        assert told["refused_frames"] == told["refused_rows"] == told["unknown_keys"] == 0
        source.close()
    assert whole.frames > 300
    assert (broken.frames, broken.text) == (whole.frames, whole.text)
    assert whole.gaps == broken.gaps == []


def test_without_hold_a_restart_marks_exactly_one_gap(simulate, tmp_path):
    url = simulate(seed=7, session="09:15-09:30").url
    tokens = log_in(url, tmp_path)
    instruments, _ = master(url, tmp_path)
    digest = Digest()
    source = feed(url, tmp_path, tokens, instruments)
    play_out(source, digest, 200)
    source.close()
    before = digest.last_ts
    source = feed(url, tmp_path, tokens, instruments, before)
    play_out(source, digest)
    source.close()
    assert len(digest.gaps) == 1
    assert digest.gaps[0][0] == before
    assert digest.gaps[0][1] > before


def test_the_end_is_learned_again_after_it(simulate, tmp_path):
    url = simulate(seed=7, session="09:15-09:16", hold=True).url
    tokens = log_in(url, tmp_path)
    instruments, _ = master(url, tmp_path)
    digest = Digest()
    source = feed(url, tmp_path, tokens, instruments)
    play_out(source, digest)
    source.close()
    again = feed(url, tmp_path, tokens, instruments, digest.last_ts)
    late = Digest()
    play_out(again, late)
    again.close()
    assert late.frames == 0
    assert again.is_over
