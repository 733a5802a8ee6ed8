"""What a day file says of itself, and what it is called."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.core.feed import FeedEvent, FeedEventKind
from pipeline.core.job import HashWrite
from pipeline.core.schema import SESSION
from pipeline.run.dayfacts import RECENT, SETTLE_S, Tally, choose, flat, task_of
from pipeline.run.settings import load
from pipeline.store.dayfile import Record, RecordKind
from pipeline.store.daywriter import DayWriter
from pipeline.store.face import EntryId
from pipeline.store.memory import MemoryStore
from tests.fakes.context import STOCKS

FACTS = {"session": "2026-11-20 paper", "run": "5", "date": "2026-11-20", "mode": "paper", "maker": "Upstox"}


def test_parameters_by_the_names_that_settings_take_can_be_set_again(tmp_path):
    settings = load(environ={}, overrides={"ticks.window": 123, "strategies.ema_momentum.min_adx": 17.0})
    names = flat(settings.params)
    assert names["ticks.window"] == 123
    assert names["filter.strategies"] == list(settings.params.filter.strategies)
    assert names["strategies.ema_momentum.min_adx"] == 17.0
    through_json = json.loads(json.dumps(names))
    again = load(environ={}, overrides=through_json)
    assert again.params == settings.params
    assert flat(again.params) == names


def test_task_of_a_run():
    store = MemoryStore()
    store.put(HashWrite(SESSION, (), {"started_ms": 99}))
    settings = load(environ={}, overrides={"recorder.level": 7, "maker": "Generated"})
    task = task_of(settings, store, "2026-11-20 paper", STOCKS, is_headless=False)
    assert (task.session, task.date, task.level, task.settle_s) == ("2026-11-20 paper", "2026-11-20", 7, SETTLE_S)
    assert task.folder == settings.paths.recordings
    assert {**FACTS, "run": "99", "maker": "Generated", "is_headless": False}.items() <= task.facts.items()
    assert [row["symbol"] for row in task.facts["instruments"]] == ["ALPHA", "BRAVO"]
    assert task_of(settings, store, "2026-11-20 paper", STOCKS, is_headless=True).settle_s is None


def test_a_file_is_named_by_date_and_maker(tmp_path):
    assert choose(tmp_path, FACTS) == (tmp_path / "2026-11-20-upstox.ttday", True)
    assert choose(tmp_path, FACTS | {"maker": "Generated, seed 7 / x"})[0].name == "2026-11-20-generated-seed-7-x.ttday"
    assert choose(tmp_path, FACTS | {"maker": "../.."})[0].name == "2026-11-20-paper.ttday"
    assert len(choose(tmp_path, FACTS | {"maker": "m" * 500})[0].name) < 80


def test_a_run_finds_its_own_file_again_and_no_other_is_touched(tmp_path):
    first, _ = choose(tmp_path, FACTS)
    DayWriter.create(first, FACTS)
    assert choose(tmp_path, FACTS) == (first, False)
    second, is_new = choose(tmp_path, FACTS | {"run": "6"})
    assert (second.name, is_new) == ("2026-11-20-upstox-2.ttday", True)
    DayWriter.create(second, FACTS | {"run": "6"})
    assert choose(tmp_path, FACTS | {"run": "6"}) == (second, False)
    assert choose(tmp_path, FACTS | {"run": "7"})[0].name == "2026-11-20-upstox-3.ttday"


def test_what_is_no_day_file_is_passed_by(tmp_path):
    for name, content in (("2026-11-20-upstox.ttday", b"mine"), ("2026-11-20-upstox-2.ttday", b"")):
        Path(tmp_path / name).write_bytes(content)
    assert choose(tmp_path, FACTS) == (tmp_path / "2026-11-20-upstox-3.ttday", True)


def test_the_tally_counts_holes_as_entries():
    tally = Tally()
    for i in range(3):
        tally.note(Record.of(EntryId(5, i), FeedEvent(5, 0, 0, FeedEventKind.FRAME, b"x")))
    hole = {"stream": "frames", "after": "5-2", "before": "9-0", "missed": 4}
    tally.note(Record(RecordKind.HOLE, EntryId(9, 0), body=json.dumps(hole).encode()))
    assert (tally.entries, tally.last, tally.holes, tally.now_ms) == ({"frames": 7}, {"frames": EntryId(5, 2)}, 1, 5)


def test_the_tally_forgets_what_is_long_ago():
    tally = Tally()
    for i in range(RECENT + 10):
        tally.note(Record.of(EntryId(5, i), FeedEvent(5, 0, 0, FeedEventKind.FRAME, b"x")))
    assert (len(tally.recent), tally.recent[0][0]) == (RECENT, EntryId(5, 10))
