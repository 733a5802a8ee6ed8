import json

from pipeline.run import cli

CM = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,\nX,EQ,10,11,9,10,10,10,{volume},1,05-JUL-2024,5,I,\n"


def run(monkeypatch, tmp_path, volume):
    monkeypatch.setenv("TICKTICK__PATHS__ARCHIVE", str(tmp_path / "candles"))
    (tmp_path / "a.csv").write_text(CM.format(volume=volume))
    return cli.main(["history", "import", str(tmp_path / "a.csv"), "--json"])


def test_days_and_the_caveat(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, 5) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["days"] == 1
    assert "survivorship" in err


def test_a_refused_day_is_exit_1_and_named(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, -5) == 1
    assert "refused: X: 2024-07-05" in capsys.readouterr().err
