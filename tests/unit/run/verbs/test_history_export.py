import json

import pytest

from pipeline.archive.shelf import Note, Series, Shelf
from pipeline.run import cli
from tests.fakes.archive import DAY, MINUTE, days_of, minutes_of

SERIES = Series("nse", DAY, "X")
DAYS = days_of({"2010-01-04": 100.0, "2010-01-05": 50.0, "2010-01-06": 51.0})


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    monkeypatch.setenv("TICKTICK__PATHS__ARCHIVE", str(tmp_path / "candles"))
    made = Shelf(tmp_path / "candles", "Upstox")
    with made.writing():
        made.put(SERIES, "2010", DAYS, Note())
        made.put(Series("upstox", MINUTE, "Y"), "2026-11", minutes_of("2026-11-19"), Note())
        made.put(Series("upstox", MINUTE, "Z"), "2026-11", minutes_of("2026-11-19"), Note())
    return made


def export(*words):
    return cli.main(["history", "export", *words])


def test_raw_and_adjusted_days(shelf, tmp_path, capsys):
    assert export("X") == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "date,open,high,low,close,volume,oi,prev_close,adj_close",
        "2010-01-04,100.0,100.0,100.0,100.0,1000,0.0,0.0,0.0",
        "2010-01-05,50.0,50.0,50.0,50.0,1000,0.0,0.0,0.0",
    ]
    assert export("X", "--adjusted") == 4
    assert "ticktick history adjust" in capsys.readouterr().err
    (tmp_path / "actions.csv").write_text("symbol,ex_date,split_ratio\nX,2010-01-05,2\n")
    assert cli.main(["history", "adjust", str(tmp_path / "actions.csv")]) == 0
    capsys.readouterr()
    assert export("X", "--adjusted", "--from", "2010-01-04", "--to", "2010-01-05") == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "2010-01-04,50.0,50.0,50.0,50.0,2000,0.0,0.0,0.0",
        "2010-01-05,50.0,50.0,50.0,50.0,1000,0.0,0.0,0.0",
    ]


def test_minutes_go_to_a_file_each(shelf, tmp_path, capsys):
    assert export("--candle", "1m", "--out", str(tmp_path / "out"), "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert set(files) == {"Y", "Z"}
    lines = (tmp_path / "out" / "Y.csv").read_text().splitlines()
    assert (lines[0], lines[1].partition(",")[0], len(lines)) == ("start,open,high,low,close,volume,oi", "2026-11-19T09:15:00+05:30", 376)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--candle", "1m"), "2 papers: name one"),
        (("--candle", "1m", "--adjusted"), "is for days"),
        (("XX",), "did you mean"),
        (("--candle", "5m"), "holds no 5m candles"),
        (("X", "--source", "yahoo"), "history list"),
        (("X", "--out", "/proc/none"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(shelf, capsys, words, said):
    assert export(*words) == 4
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_two_sources_are_not_mixed(shelf, capsys):
    with shelf.writing():
        shelf.put(Series("yahoo", DAY, "X"), "2010", DAYS, Note())
    assert export("X") == 4
    assert "nse, yahoo" in capsys.readouterr().err
