"""The emergency strings over a real Redis: the command, and the file."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time

import pytest

from pipeline.core.broker import SINGLE, Word
from pipeline.core.schema import CONTROLS, TICKS, Role
from pipeline.run import cli
from pipeline.run.emergency import PATIENCE_S, HaltFile, halt_file, leave, me, read, say, standing
from pipeline.run.settings import load
from pipeline.run.wiring import make_runner, open_house
from pipeline.store.client import append, open_clients
from pipeline.store.face import ZERO
from pipeline.store.streams import RedisStore
from tests.fakes.trading import DATE, PAPERS, at, frame


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
    said = [word for word in Word if word is not Word.KILL and word not in SINGLE]
    for word in said:
        assert cli.main([word.value, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["word"] == word
    assert words(here) == [(word, "command", at("10:00")) for word in said]
    assert {e.record.who for e in here.read([(CONTROLS, ZERO)], 100, 0)[CONTROLS.name]} == {me()}


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


def test_without_redis_the_last_string_is_named_where_there_is_a_broker(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_PORT", "1")
    monkeypatch.setenv("TICKTICK__MODE", "simulated")
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path / "logs"))
    for name in ("REST_URL", "ORDER_URL"):
        monkeypatch.setenv(f"TICKTICK__UPSTOX__{name}", "http://127.0.0.1:9")
    assert cli.main(["halt"]) == 3
    assert "`ticktick kill` closes at the broker without it" in capsys.readouterr().err


def test_without_redis_the_file_is_left(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_PORT", "1")
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path / "logs"))
    assert cli.main(["resume"]) == 3
    assert "nothing was lifted" in capsys.readouterr().err
    watch = HaltFile(load())
    assert cli.main(["flatten"]) == 3
    assert "ticktick kill" not in capsys.readouterr().err, "on paper there is no broker to close at"
    assert watch.is_there()
    watch.look()
    watch.look()
    assert read(watch.path) == (Word.FLATTEN, f"command {me()}")
    assert cli.main(["halt"]) == 3
    assert read(watch.path) == (Word.FLATTEN, f"command {me()}"), "a milder word does not replace a stronger one"


def test_what_was_left_is_said_when_redis_is_there(here):
    path = halt_file(load())
    leave(path, Word.HALT, "page", "127.0.0.1")
    watch = HaltFile(load())
    watch.look()
    leave(path, Word.FLATTEN, "page", "127.0.0.1")
    watch.look()
    watch.look()
    said = [e.record for e in here.read([(CONTROLS, ZERO)], 100, 0)[CONTROLS.name]]
    assert [(c.word, c.source, c.who) for c in said] == [(Word.HALT, "file", "page 127.0.0.1"), (Word.FLATTEN, "file", "page 127.0.0.1")]


@pytest.mark.parametrize(
    ("text", "word"),
    [("", Word.HALT), ("flatten\n", Word.FLATTEN), ("PAUSE", Word.PAUSE), ("kill", Word.HALT), ("resume", Word.HALT), ("{", Word.HALT),
     ('{"word": "resume", "who": "x"}', Word.HALT), ('{"word": ["kill"], "who": "x"}', Word.HALT), ('{"word": "kill", "who": "x"}', Word.KILL), ("\x00\xff", Word.HALT)],
)  # fmt: skip
def test_the_file_may_name_its_word_and_any_other_content_halts(tmp_path, text, word):
    path = tmp_path / "HALT"
    assert read(path) is None
    path.write_text(text, "latin-1")
    assert read(path)[0] is word


def test_a_file_that_cannot_be_read_halts(tmp_path):
    (tmp_path / "HALT").mkdir()
    assert read(tmp_path / "HALT") == (Word.HALT, "")


def test_a_pipe_does_not_keep_us_waiting(tmp_path):
    os.mkfifo(tmp_path / "HALT")
    assert read(tmp_path / "HALT")[0] is Word.HALT


def test_a_new_day_begins_with_the_word_that_holds(here, redis_urls):
    say(open_clients(redis_urls), Word.FLATTEN, "command")
    house = open_house(load(overrides={"session_date": DATE}))
    assert make_runner("orders", house, here, PAPERS).state.word == "flatten"
    say(open_clients(redis_urls), Word.RESUME, "command")
    other = open_house(load(overrides={"session_date": "2026-11-23"}))
    assert make_runner("orders", other, here, PAPERS).state.word == ""


def test_the_word_that_holds_is_the_strongest_since_it_was_lifted(here, redis_urls):
    clients = open_clients(redis_urls)
    assert standing(here) == ""
    for word, held in ((Word.FLATTEN, "flatten"), (Word.HALT, "flatten"), (Word.RESUME, ""), (Word.PAUSE, "pause"), (Word.HALT, "halt")):
        say(clients, word, "command")
        assert standing(here) == held


def test_of_words_left_at_the_same_instant_the_strongest_stays(tmp_path):
    left = (Word.KILL, Word.HALT, Word.PAUSE, Word.FLATTEN)
    for number in range(200):
        path, together, errors = tmp_path / str(number) / "HALT", threading.Barrier(len(left)), []

        def go(word, path=path, together=together, errors=errors):
            together.wait()
            try:
                leave(path, word, "page", "x")
            except OSError as error:
                errors.append(error)

        threads = [threading.Thread(target=go, args=(word,)) for word in left]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (read(path), errors) == ((Word.KILL, "page x"), [])
        assert [each.name for each in path.parent.iterdir()] == ["HALT"], "nothing half-written is left"


def test_who_never_lets_go_of_the_folder_does_not_hold_up_an_emergency(tmp_path):
    number = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    began = time.monotonic()
    leave(tmp_path / "HALT", Word.KILL, "command", "")
    os.close(number)
    assert read(tmp_path / "HALT") == (Word.KILL, "command")
    assert time.monotonic() - began < 2 * PATIENCE_S
