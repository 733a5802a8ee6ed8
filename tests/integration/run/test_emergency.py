"""The emergency strings over a real Redis: the command, and the file."""

from __future__ import annotations

import json

import pytest

from pipeline.core.broker import Word
from pipeline.core.schema import CONTROLS, TICKS, Role
from pipeline.run import cli
from pipeline.run.emergency import HaltFile, halt_file
from pipeline.run.settings import load
from pipeline.store.client import append, open_clients
from pipeline.store.face import ZERO
from pipeline.store.streams import RedisStore
from tests.fakes.trading import at, frame


@pytest.fixture
def here(redis_urls, tmp_path, monkeypatch):
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path / "logs"))
    return RedisStore(open_clients(redis_urls))


def words(store):
    return [(e.record.word, e.record.source, e.record.ts) for e in store.read([(CONTROLS, ZERO)], 100, 0)[CONTROLS.name]]


def test_a_command_is_durable_on_the_feeds_clock(here, redis_urls, capsys):
    append(open_clients(redis_urls)[Role.TICKS], TICKS, frame(at("10:00"), (0, 99.95, 100.05)))
    for word in Word:
        assert cli.main([word.value, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["word"] == word
    assert words(here) == [(word, "command", at("10:00")) for word in Word]


def test_the_file_halts_once_each_time_it_appears(here):
    watch, path = HaltFile(load()), halt_file(load())
    watch.look()
    assert words(here) == []
    path.parent.mkdir()
    for times in (1, 2):
        path.touch()
        assert watch.is_there()
        watch.look()
        watch.look()
        assert [w[:2] for w in words(here)] == [(Word.HALT, "file")] * times
        path.unlink()
        watch.look()
    path.touch()
    HaltFile(load()).look()
    assert len(words(here)) == 3, "and again after a start while it is there"


def test_resume_waits_for_the_file_to_go(here, capsys):
    path = halt_file(load())
    path.parent.mkdir()
    path.touch()
    assert cli.main(["resume"]) == 4
    assert "remove it first" in capsys.readouterr().err
    assert words(here) == []
    path.unlink()
    assert cli.main(["resume"]) == 0


def test_without_redis_the_file_is_left(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_PORT", "1")
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path / "logs"))
    assert cli.main(["resume"]) == 3
    assert "nothing was lifted" in capsys.readouterr().err
    watch = HaltFile(load())
    assert cli.main(["flatten"]) == 3
    assert "it does not close positions" in capsys.readouterr().err
    assert watch.is_there()
    watch.look()
    watch.look()
