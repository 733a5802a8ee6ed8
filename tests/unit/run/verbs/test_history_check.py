import json

import numpy as np
import pytest

from pipeline.run import cli
from tests.fakes.archive import minutes_of, shelf_with

DAY = (("2026-11-19", "2026-11-19"),)


@pytest.fixture
def archive(monkeypatch, tmp_path):
    monkeypatch.setenv("TICKTICK__PATHS__ARCHIVE", str(tmp_path / "candles"))
    return tmp_path / "candles"


def check(capsys, *words):
    code = cli.main(["history", "check", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_sound_archive_is_exit_0(archive, capsys):
    shelf_with(archive, minutes_of("2026-11-19"), "2026-11", covered=DAY)
    assert check(capsys) == (0, {"series": 1, "faults": 0, "worth_a_look": 0, "findings": {}})


def test_a_missing_minute_is_exit_1_and_named(archive, capsys):
    shelf_with(archive, np.delete(minutes_of("2026-11-19"), range(5, 25)), "2026-11", covered=DAY)
    code, told = check(capsys)
    assert (code, told["faults"]) == (1, 1)
    assert cli.main(["history", "check"]) == 1
    assert "FAULT RELIANCE 1m (upstox) missing: 2026-11-19 20 of 375 candles: 09:20" in capsys.readouterr().out


def test_a_damaged_file_is_exit_1_and_named(archive, capsys):
    shelf_with(archive, minutes_of("2026-11-19"), "2026-11", covered=DAY)
    (path,) = archive.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    code, told = check(capsys)
    assert code == 1
    assert told["findings"]["RELIANCE 1m (upstox)"][0]["kind"] == "unreadable"


def test_dates_that_were_never_asked_for_are_a_fault(archive, capsys):
    shelf_with(
        archive, minutes_of("2026-11-16", "2026-11-19"), "2026-11", covered=(("2026-11-13", "2026-11-16"), ("2026-11-19", "2026-11-19"))
    )
    code, told = check(capsys)
    (_missing, hole) = told["findings"]["RELIANCE 1m (upstox)"][::-1]
    assert (code, hole["date"], hole["kind"], hole["words"]) == (
        1,
        "2026-11-17",
        "hole",
        "to 2026-11-18: 2 trading days that were never asked for",
    )


def test_nothing_to_check(archive, capsys):
    assert cli.main(["history", "check"]) == 4
    assert "nothing to check" in capsys.readouterr().err


def test_long_reports_are_cut_unless_asked(archive, capsys):
    days = [f"2026-10-{n:02d}" for n in (1, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 19)]
    shelf_with(archive, minutes_of("2026-10-30"), "2026-10", covered=tuple((d, d) for d in days))
    assert cli.main(["history", "check"]) == 1
    assert "2 more (--all shows them)" in capsys.readouterr().out
    cli.main(["history", "check", "--all"])
    assert capsys.readouterr().out.count("the whole day") == 12
