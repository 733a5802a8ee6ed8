import json

import pytest

from pipeline.archive.adjust import read_table
from pipeline.archive.shelf import Note, Series, Shelf
from pipeline.run import cli
from tests.fakes.archive import DAY, days_of

SERIES = Series("nse", DAY, "X")
ACTIONS = "symbol,ex_date,dividend,split_ratio\nX,2010-01-05,0,2\nX,2010-01-06,1.5,0.0\nX,2010-01-07,0,4\n"


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    monkeypatch.setenv("TICKTICK__PATHS__ARCHIVE", str(tmp_path / "candles"))
    (tmp_path / "actions.csv").write_text(ACTIONS)
    made = Shelf(tmp_path / "candles", "Upstox")
    with made.writing():
        made.put(SERIES, "2010", days_of({"2010-01-04": 100.0, "2010-01-05": 50.0, "2010-01-06": 50.0, "2010-01-07": 50.0}), Note())
    return made


def adjust(tmp_path, *words):
    return cli.main(["history", "adjust", str(tmp_path / "actions.csv"), *words])


def test_the_table_lies_beside_the_raw_which_stays(shelf, tmp_path, capsys):
    raw = (shelf.folder(SERIES) / "2010.parquet").read_bytes()
    assert adjust(tmp_path, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["applied"], told["refused"], told["forced"]) == (1, 1, 0)
    table = read_table((shelf.folder(SERIES) / "factors.csv").read_text(), "f")
    assert [(f.ex_date, f.state) for f in table] == [("2010-01-05", "applied"), ("2010-01-07", "refused")]
    assert (shelf.folder(SERIES) / "2010.parquet").read_bytes() == raw
    assert cli.main(["history", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["series"][0]["factors"] == 1


def test_a_person_may_force(shelf, tmp_path, capsys):
    assert adjust(tmp_path, "--force", "X:2010-01-07") == 0
    assert "2010-01-07  4  forced" in capsys.readouterr().out


def test_what_cannot_be_done_is_one_line(shelf, tmp_path, capsys):
    for words in (("--source", "nsee"), ("--force", "X"), ("--force", "X:soon")):
        assert adjust(tmp_path, *words) == 4
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert cli.main(["history", "adjust", str(tmp_path / "none.csv")]) == 4
