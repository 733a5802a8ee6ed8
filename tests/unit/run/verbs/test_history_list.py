import json

import pytest

from pipeline.run import cli
from tests.fakes.archive import minutes_of, shelf_with


@pytest.fixture
def archive(monkeypatch, tmp_path):
    monkeypatch.setenv("TICKTICK__PATHS__ARCHIVE", str(tmp_path / "candles"))
    return tmp_path / "candles"


def test_an_empty_archive_says_what_to_do(archive, capsys):
    assert cli.main(["history", "list"]) == 0
    assert "history fetch" in capsys.readouterr().out


def test_coverage_with_its_holes(archive, capsys):
    shelf_with(
        archive, minutes_of("2026-11-16", "2026-11-19"), "2026-11", covered=(("2026-11-13", "2026-11-16"), ("2026-11-19", "2026-11-19"))
    )
    assert cli.main(["history", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["series"]
    assert (row["symbol"], row["candle"], row["from"], row["to"], row["candles"], row["holes"]) == (
        "RELIANCE",
        "1m",
        "2026-11-13",
        "2026-11-19",
        750,
        2,
    )
    assert cli.main(["history", "list"]) == 0
    assert "750 candles of 1 series" in capsys.readouterr().out


def test_another_makers_archive_is_refused(archive, capsys):
    shelf_with(archive, minutes_of("2026-11-19"), "2026-11", maker="generated seed 7")
    assert cli.main(["history", "list"]) == 4
    assert "holds candles of 'generated seed 7'" in capsys.readouterr().err
