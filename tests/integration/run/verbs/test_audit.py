"""`ticktick audit` over files that the auditor made, and the head that a real Redis keeps."""

from __future__ import annotations

import json

import pytest

from pipeline.core.schema import INTENTS, ORDERS
from pipeline.run import audit, cli
from pipeline.run.audit import Auditor
from pipeline.store.client import open_clients
from pipeline.store.streams import RedisStore
from tests.fakes.frames import SESSION_NAME, commit, open_session
from tests.unit.run.test_audit import event, intent


@pytest.fixture
def folder(redis_urls, tmp_path, monkeypatch):
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    monkeypatch.setenv("TICKTICK__PATHS__AUDIT", str(tmp_path / "audit"))
    store = RedisStore(open_clients(redis_urls))
    for run in ("77", "78"):
        open_session(store, run=run)
        auditor = Auditor(store, audit.task_of(tmp_path / "audit", store, SESSION_NAME, until_drained=True))
        commit(store, INTENTS, [intent(int(run))])
        commit(store, ORDERS, [event(int(run), "FILLED", 5)])
        while auditor.turn(0):
            pass
        auditor.writer.close()
    return tmp_path / "audit"


def test_whole_files_verify_and_export(folder, capsys):
    assert cli.main(["audit", "verify", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["records"], row["broken"]) for row in told["files"]] == [(3, ""), (5, "")], (
        "the second run sees the first one's streams too"
    )
    assert cli.main(["audit", "export"]) == 0
    assert "2 orders of audit-2025-12-15-paper-2.jsonl" in capsys.readouterr().out
    assert (folder / "trade_log.csv").read_text().count("EXECUTED") == 2


def test_one_flipped_byte_names_the_record(folder, capsys):
    path = folder / "audit-2025-12-15-paper-2.jsonl"
    content = path.read_bytes()
    at = content.index(b"i78")
    path.write_bytes(content[:at] + b"j" + content[at + 1 :])
    assert cli.main(["audit", "verify"]) == 1
    assert "paper-2.jsonl: BROKEN: record 3 is not what was written" in capsys.readouterr().out


def test_a_cut_end_is_seen_in_the_next_file_and_in_redis(folder, capsys):
    first, second = audit.files_in(folder)
    for path, words in ((second, "the end was cut off"), (first, "names another end of audit-2025-12-15-paper.jsonl")):
        content = path.read_bytes()
        path.write_bytes(b"".join(content.splitlines(keepends=True)[:-1]))
        assert cli.main(["audit", "verify"]) == 1
        assert words in capsys.readouterr().out
        path.write_bytes(content)
    first.unlink()
    assert cli.main(["audit", "verify", str(second)]) == 0, "a file that is named alone is judged alone"


def test_no_audit_is_one_line(folder, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TICKTICK__PATHS__AUDIT", str(tmp_path / "none"))
    assert cli.main(["audit", "verify"]) == 4
    assert "no audit in" in capsys.readouterr().err
    assert cli.main(["audit", "verify", str(tmp_path / "x.jsonl")]) == 4
