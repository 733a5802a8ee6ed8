"""Recorded days and their replays: the same bytes on every stream, whatever died or was cut off on the way."""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.candle import Lineage
from pipeline.core.errors import Corrupt
from pipeline.core.feed import FeedEventKind
from pipeline.core.schema import TICKS
from pipeline.core.types import TickKind
from pipeline.run import minutes
from pipeline.run.access import calendar_of
from pipeline.run.playback import Recording, contents
from pipeline.run.settings import load
from pipeline.run.turn import Pace
from pipeline.run.wiring import make_runner, open_house
from pipeline.store.dayfile import DayFile, Record, RecordKind
from pipeline.store.daywriter import DayWriter
from pipeline.store.face import ZERO
from pipeline.store.memory import MemoryStore
from pipeline.store.streams import RedisStore
from tests.integration.run.test_day import ROOT, Disturbed, command, environment, headless

pytestmark = pytest.mark.xdist_group("processes")

SHORT = "09:15-09:25"
ZONES = ("UTC", "Asia/Kolkata", "America/New_York")


@contextlib.contextmanager
def recording(folder: Path) -> Iterator[None]:
    """Turn the recorder on for the processes that are started within."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKTICK__RECORDER__ENABLED", "true")
        patch.setenv("TICKTICK__PATHS__RECORDINGS", str(folder / "recordings"))
        yield


def file_of(folder: Path) -> Path:
    (path,) = (folder / "recordings").glob("*.ttday")
    return path


def records(path: Path) -> list[tuple]:
    """Give every record but our receive times."""
    with DayFile(path) as held:
        return [(r.kind, r.id, r.ts, r.link, r.event, r.body) for r in held.records()]


def replay(path: Path, folder: Path, *more: str, zone: str = "UTC", seed: int = 0) -> tuple[dict, str, int]:
    """Play a file; give the summary, what was said, and the exit code."""
    env = {**environment(folder), "TZ": zone, "PYTHONHASHSEED": str(seed)}
    args = command("replay", str(path), "--json", *more)
    done = subprocess.run(args, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False)
    return (json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}), done.stderr, done.returncode


def require_equal(live: dict, path: Path, folder: Path, *more: str, **kwargs) -> None:
    """The replay's digests are the live run's, and --verify says so too."""
    found, said, code = replay(path, folder, "--verify", *more, **kwargs)
    assert code == 0, said[-3000:]
    wanted = {name: digest for name, digest in live["digests"].items() if name != "frames"}
    assert found["digests"] == wanted
    assert len(wanted) >= 13
    assert found["verified"] is True


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, redis_server) -> tuple[dict, Path]:
    """Record a day that nothing disturbs: its summary and its file."""
    folder = tmp_path_factory.mktemp("quiet")
    with recording(folder):
        live = headless(folder, "--hold", session=SHORT)
    return live, file_of(folder)


@pytest.mark.timeout(300)
def test_a_replay_in_memory_gives_the_same_bytes(quiet, tmp_path):
    require_equal(*quiet, tmp_path, "--store", "memory", zone="Asia/Kolkata", seed=3)


@pytest.mark.timeout(300)
def test_a_replay_over_redis_gives_the_same_bytes(quiet, tmp_path):
    require_equal(*quiet, tmp_path, zone="America/New_York", seed=7)


@pytest.mark.timeout(300)
def test_recorded_in_memory_the_file_is_the_same(quiet, tmp_path):
    live, path = quiet
    with recording(tmp_path):
        in_memory = headless(tmp_path, "--hold", "--store", "memory", session=SHORT)
    assert in_memory["digests"] == live["digests"]
    assert records(file_of(tmp_path)) == records(path)


@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_recorded_or_not_the_day_is_the_same(quiet, tmp_path):
    bare = headless(tmp_path, "--hold", "--store", "memory", session=SHORT)["digests"]
    assert bare == {name: digest for name, digest in quiet[0]["digests"].items() if name != "frames"}


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_replays_in_three_zones_and_with_ten_hash_seeds(quiet, tmp_path):
    for zone in ZONES:
        for seed in range(10):
            require_equal(*quiet, tmp_path, "--store", "memory", zone=zone, seed=seed)
        require_equal(*quiet, tmp_path, zone=zone, seed=len(zone))


def test_a_file_is_judged_by_the_check(quiet, tmp_path):
    path = quiet[1]
    env = environment(tmp_path)
    done = subprocess.run(command("record", "--check", str(path), "--json"), cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["frames"] > 1000
    assert (found["is_as_committed"], found["is_closed"], found["gaps"], found["holes"], found["damage"]) == ("yes", True, 0, 0, [])
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 8
    bad = tmp_path / "bad.ttday"
    bad.write_bytes(blob)
    done = subprocess.run(command("record", "--check", str(bad)), cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r"damage  byte \d+, \d+ bytes: a block", done.stdout), done.stdout
    _, said, code = replay(bad, tmp_path, "--store", "memory")
    assert code == 1
    assert "is damaged at byte" in said.splitlines()[-1]


class Recorded(Disturbed):
    """A recorded headless run that one can look into and kill in."""

    def __init__(self, folder: Path, *more: str, session: str = SHORT) -> None:
        with recording(folder):
            super().__init__(folder, *more, session=session)

    def fault(self, **order: object) -> None:
        """Let the simulator do something."""

        def address() -> str:
            found = re.search(r"at (http://\S+)", (self.folder / "err.txt").read_text())
            return found[1] if found else ""

        self.wait(lambda: bool(address()))
        urllib.request.urlopen(f"{address()}/_fault", json.dumps(order).encode(), timeout=20).close()


@pytest.fixture
def recorded(tmp_path, redis_server):
    made = []

    def make(*more: str, **kwargs) -> Recorded:
        made.append(Recorded(tmp_path, *more, **kwargs))
        return made[-1]

    yield make
    for run in made:
        run.close()


@pytest.mark.timeout(300)
def test_a_recorder_that_is_killed_leaves_the_file_of_the_quiet_run(quiet, recorded):
    run = recorded("--hold")
    for at in (0.02, 0.2, 0.5, 0.8):
        old, new = run.kill("recorder", at)
        assert old != new
    summary = run.summary()
    assert summary["digests"] == quiet[0]["digests"]
    assert records(file_of(run.folder)) == records(quiet[1])


@pytest.mark.timeout(300)
def test_a_feed_that_is_killed_replays_as_it_went(quiet, recorded, tmp_path):
    run = recorded("--hold")
    run.kill("ticks", 0.3)
    run.kill("ticks", 0.6)
    live = run.summary()
    path = file_of(run.folder)
    starts = [r for r in records(path) if r[0] is RecordKind.EVENT and r[4] == FeedEventKind.STARTED]
    assert len(starts) == 3
    assert {n: d for n, d in live["digests"].items() if n != "frames"} == {n: d for n, d in quiet[0]["digests"].items() if n != "frames"}
    require_equal(live, path, tmp_path, "--store", "memory")


@pytest.mark.timeout(300)
def test_a_gap_in_the_day_is_the_same_gap_in_its_replay(recorded, tmp_path):
    run = recorded()  # without hold: what is sent while nobody is connected is missed
    run.wait(lambda: run.share() > 0.02)
    run.fault(kind="drop_feed", count=1)
    live = run.summary()
    entries, after, store = [], ZERO, RedisStore(run.clients)
    while found := store.read([(TICKS, after)], 2000, 0)["ticks"]:
        entries += found
        after = found[-1].id
    assert any(e.record.rows["kind"][0] == TickKind.GAP for e in entries)
    require_equal(live, file_of(run.folder), tmp_path, "--store", "memory")
    settings = load(environ={})
    day = calendar_of(settings).day("2026-11-20")
    there, here = minutes.from_redis(store, day).versions, minutes.from_file(settings, day, file_of(run.folder)).versions
    assert there.lineages == here.lineages
    assert {Lineage.TICKS, Lineage.FEED_I1, Lineage.HISTORICAL} <= set(there.lineages)
    for lineage in there.lineages:
        assert there.rows(lineage).tobytes() == here.rows(lineage).tobytes(), lineage


def test_candles_of_a_recorded_day_are_compared_without_redis(quiet, tmp_path):
    path, env = quiet[1], environment(tmp_path)
    args = command("candles", "diff", "2026-11-20", "--file", str(path), "--json")
    done = subprocess.run(args, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["is_ok"], told["source"]) == (0, True, path.name), done.stderr
    assert {row["with"] for row in told["symbols"]} == {"feed_i1"}
    assert len(told["symbols"]) >= 15
    # The simulator's feed tells its own minutes of the very prints it sends: all agree; the last one it tells no more.
    for row in told["symbols"]:
        assert (row["both"], row["only_ours"], row["only_theirs"], row["within"]) == (9, 1, 0, 100.0), row
    assert told["worst"] == []


def ticks_of(path: Path, store: MemoryStore | None = None, turns: int | None = None) -> list[tuple]:
    """Play a file through the ticks job alone; give its entries."""
    held = contents(path)
    settings = load(environ={}, overrides={"session_date": "2026-11-20", "mode": "replay"})
    house = open_house(settings, Pace(until_drained=True, behind_watermarks=True, is_trimming=False), recording=Recording(path))
    store = store or MemoryStore()
    runner = make_runner("ticks", house, store, held.instruments)
    while not runner.is_done and turns != 0:
        runner.turn(0)
        turns = turns - 1 if turns is not None else None
    runner.source.close()
    return [(entry_id, {k: v for k, v in fields.items() if k != b"r"}) for entry_id, fields, _ in store.streams.get("ticks", [])]


def test_a_file_that_was_cut_replays_up_to_the_cut(quiet, tmp_path):
    path, chance = quiet[1], random.Random(6)
    whole = ticks_of(path)
    assert len(whole) > 1000
    blob, cut_file = path.read_bytes(), tmp_path / "cut.ttday"
    with DayFile(path) as held:
        frames = [(block.end, sum(r.kind == RecordKind.EVENT for r in held.read(block))) for block in held.blocks]
    # The file opens on candles of history, which are no ticks: the cuts fall where frames lie.
    ends = [end for end, count in frames if count]
    for cut in sorted(chance.randrange(ends[0], len(blob)) for _ in range(6)):
        cut_file.write_bytes(blob[:cut])
        found = ticks_of(cut_file)
        assert found == whole[: len(found)]
        before = sum(count for end, count in frames if end <= cut) / sum(count for _, count in frames)
        assert len(found) / len(whole) > before - 0.1, "what the frames before the cut held is there"


def test_a_replay_that_is_killed_goes_on_where_it_was(quiet):
    path = quiet[1]
    whole, store = ticks_of(path), MemoryStore()
    for turns in (1, 2, 1, 3):
        part = ticks_of(path, store, turns)
        assert part == whole[: len(part)]
    assert ticks_of(path, store) == whole


def test_verify_names_the_stream_that_differs(quiet, tmp_path):
    path = quiet[1]
    with DayFile(path) as held:
        facts, found = held.facts, list(held.records())
    digests = json.loads(found[-1].body)
    digests["candles"] = "00" * 16
    other = tmp_path / "other.ttday"
    DayWriter.create(other, facts)
    writer = DayWriter(other)
    for record in [*found[:-1], Record(RecordKind.DIGESTS, body=json.dumps(digests).encode())]:
        writer.append(record)
    writer.close()
    summary, said, code = replay(other, tmp_path, "--verify", "--store", "memory")
    assert code == 1
    assert summary["verified"] is False
    assert said.splitlines()[-1] == "differs from the recorded day: candles"


def test_damage_is_not_played_over(quiet, tmp_path):
    blob = bytearray(quiet[1].read_bytes())
    with DayFile(quiet[1]) as held:
        blob[held.blocks[len(held.blocks) // 2].end - 1] ^= 1
    (tmp_path / "bad.ttday").write_bytes(blob)
    with pytest.raises(Corrupt, match="damaged at byte"):
        ticks_of(tmp_path / "bad.ttday")


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_a_live_run_with_a_page_replays_to_the_same_market(tmp_path, redis_server):
    """Live pace, no watermarks, trimming on: what the market decides is the same in the replay."""
    with recording(tmp_path):
        env = environment(tmp_path)
        args = command("demo", "--no-browser", "--port", "0", "--session", "09:15-09:35", "--speed", "40", "--json")
        with (tmp_path / "err.txt").open("w+") as log:
            run = subprocess.Popen(args, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                assert _has_ended(tmp_path, run)
            finally:
                run.send_signal(signal.SIGINT)
                run.communicate(timeout=60)
    path = file_of(tmp_path)
    with DayFile(path) as held:
        assert held.is_closed
    summary, said, code = replay(path, tmp_path, "--verify", "--store", "memory")
    assert code == 0, said[-2000:]
    assert summary["verified"] is True


def _has_ended(folder: Path, run: subprocess.Popen) -> bool:
    """Wait until the recorder says that the day is over."""
    until = time.monotonic() + 200
    while time.monotonic() < until and run.poll() is None:
        if any('"day recorded"' in p.read_text() for p in (folder / "logs").glob("*.log")):
            return True
        time.sleep(0.2)
    return False
