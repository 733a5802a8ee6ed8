import gzip
import json
import shutil

import pytest

from pipeline.core.errors import Refused
from pipeline.run import masters
from pipeline.run.settings import SHIPPED_ROOT, load
from pipeline.simulator.listing import sample_instruments
from tests.fakes.settings import settings_in

DATE = "2026-11-20"
ROWS = [
    {
        "segment": "NSE_EQ",
        "instrument_key": "NSE_EQ|INE121A08PJ0",
        "trading_symbol": "CHOLAFIN",
        "name": "CHOLAMANDALAM IN",
        "instrument_type": "D1",
    },
    {
        "segment": "NSE_EQ",
        "instrument_key": "NSE_EQ|INE121A01024",
        "trading_symbol": "CHOLAFIN",
        "name": "CHOLAMANDALAM IN",
        "instrument_type": "EQ",
        "tick_size": 10.0,
        "lot_size": 1,
    },
    {
        "segment": "NSE_EQ",
        "instrument_key": "NSE_EQ|INE0J1E01027",
        "trading_symbol": "KCK",
        "name": "KCK INDUSTRIES LTD",
        "instrument_type": "ST",
    },
    {
        "segment": "NSE_FO",
        "instrument_key": "NSE_FO|1",
        "trading_symbol": "CHOLAFIN FUT 24 NOV 26",
        "name": "CHOLAMANDALAM IN",
        "instrument_type": "FUT",
        "expiry": 1,
    },
    {"segment": "MCX_FO", "instrument_key": "MCX_FO|1", "trading_symbol": "GOLD", "name": "GOLD", "instrument_type": "FUT"},
]


def test_a_plain_symbol_is_the_ordinary_series():
    found = masters.looked_up(ROWS)
    assert sorted(found) == ["NSE_EQ", "NSE_FO"]
    shares = {symbol: json.loads(text) for symbol, text in found["NSE_EQ"].items()}
    assert shares["CHOLAFIN"] == {"key": "NSE_EQ|INE121A01024", "name": "CHOLAMANDALAM IN", "type": "EQ", "tick_paise": 10.0, "lot": 1}
    assert shares["CHOLAFIN-D1"]["key"] == "NSE_EQ|INE121A08PJ0"
    assert shares["KCK"] == shares["KCK-ST"], "a name with one series only is found by its plain symbol too"


@pytest.mark.parametrize(
    ("words", "symbols"),
    [
        ("cholafin", ["CHOLAFIN", "CHOLAFIN", "CHOLAFIN FUT 24 NOV 26"]),
        ("kck industries", ["KCK"]),
        ("INE121A01024", ["CHOLAFIN"]),
        ("cholafin fut", ["CHOLAFIN FUT 24 NOV 26"]),
        ("nothing", []),
        ("", []),
    ],
)
def test_find_takes_all_words_and_puts_the_ordinary_share_first(words, symbols):
    found = masters.find(ROWS, words, 20)
    assert [row["symbol"] for row in found] == symbols
    assert not found or words != "cholafin" or found[0]["type"] == "EQ"
    assert len(masters.find(ROWS, "cholafin", 1)) == 1


def test_the_sample_stands_in_on_paper_only(tmp_path):
    settings = settings_in(tmp_path)
    sample = masters.config_of(settings, DATE).sample
    assert json.loads(sample()) == sample_instruments(DATE)
    (tmp_path / "own").mkdir()
    shutil.copy(SHIPPED_ROOT / "config" / "risk.toml", tmp_path / "own")
    live = load(environ={"TICKTICK_CONFIG": str(tmp_path / "own")}, overrides={"mode": "live-real"})
    assert masters.config_of(live, DATE).sample is None


def test_a_verdict_is_written_whole(tmp_path):
    path = tmp_path / "f.json"
    path.write_text(json.dumps(sample_instruments(DATE)))
    report = masters.judge(path, (), DATE)
    written = masters.write_report(report, tmp_path / "data")
    assert written.name == "validation_20261120.json"
    assert json.loads(written.read_text()) == report.plain()
    assert [p.name for p in (tmp_path / "data").iterdir()] == [written.name]


def test_both_forms_are_read_and_damage_is_one_line(tmp_path):
    csv = tmp_path / "old.csv.gz"
    csv.write_bytes(
        gzip.compress(b'"instrument_key","tradingsymbol","tick_size","lot_size","exchange"\n"NSE_EQ|INE1","A","0.05","1","NSE_EQ"\n')
    )
    assert [row["tick_size"] for row in masters.rows_in(csv)] == [5.0]
    for name, content, words in (
        ("a.csv", b"{}", "first column"),
        ("b.csv.gz", b"\x1f\x8bxx", "damaged"),
        ("c.json", b"[", "damaged"),
        ("d.json.gz", b"", "no JSON array"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Refused, match=words):
            list(masters.rows_in(tmp_path / name))
    with pytest.raises(Refused, match="cannot be read"):
        list(masters.rows_in(tmp_path / "none.json"))
