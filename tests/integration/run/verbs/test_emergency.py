"""`ticktick emergency` over a real Redis: the file first, then the word."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.core.job import HashWrite
from pipeline.core.schema import CONTROLS, HEALTH, Role
from pipeline.run import cli
from pipeline.store.client import open_clients
from pipeline.store.face import ZERO
from pipeline.store.streams import RedisStore


@pytest.fixture
def store(redis_urls: Mapping[Role, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RedisStore:
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    monkeypatch.setenv("TICKTICK__PATHS__RUNTIME", str(tmp_path / "run"))
    return RedisStore(open_clients(redis_urls))


def words(store: RedisStore) -> list[tuple[int, str, str]]:
    return [(e.record.ts, e.record.word.value, e.record.source) for e in store.read([(CONTROLS, ZERO)], 10, 0)[CONTROLS.name]]


def test_a_word_reaches_the_order_process_at_its_own_time(store: RedisStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store.put(HashWrite(HEALTH, ("orders",), {"now_ms": 5_000}))
    assert cli.main(["emergency", "halt"]) == 0
    assert (tmp_path / "run" / "HALT").exists()
    assert cli.main(["emergency", "flatten"]) == 0
    assert cli.main(["emergency", "resume"]) == 0
    assert not (tmp_path / "run" / "HALT").exists()
    assert words(store) == [(5_000, "halt", "command"), (5_000, "flatten", "command"), (5_000, "resume", "command")]
    assert "everything is closed" in capsys.readouterr().out


def test_without_an_order_process_the_file_is_there_all_the_same(store: RedisStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["emergency", "halt"]) == 3
    assert (tmp_path / "run" / "HALT").exists()
    assert "all the same" in capsys.readouterr().err
