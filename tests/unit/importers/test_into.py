import zipfile

import numpy as np
import pytest

from pipeline.archive.report import findings
from pipeline.archive.shelf import Series, Shelf
from pipeline.core.errors import Refused
from pipeline.core.session import Group, ist_date
from pipeline.importers.into import Wish, take
from pipeline.run.discovery import discover_importers
from tests.fakes.archive import CALENDAR, DAY

CM = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,\n"
YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n"
EVER = ("1999-01-01", "2030-01-01")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def imported(folder, *paths, **wish):
    discover_importers()
    shelf = Shelf(folder / "archive", "Upstox")
    with shelf.writing():
        return shelf, take(list(paths), shelf, CALENDAR, Wish(**wish))


def cm_line(symbol, day, close, series="EQ", volume=100):
    return f"{symbol},{series},{close},{close + 1},{close - 1},{close},{close},{close},{volume},1,{day},5,INE002A01018,\n"


def write(path, text):
    path.write_text(text)
    return path


def test_the_old_and_the_new_format_fill_one_series_plain_and_zipped(tmp_path):
    old = write(
        tmp_path / "cm05JUL2024bhav.csv", CM + cm_line("RELIANCE", "05-JUL-2024", 100.0) + cm_line("RELIANCE", "05-JUL-2024", 9.0, "N1")
    )
    header = "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,TtlTradgVol\n"
    new = "2024-07-08,2024-07-08,CM,NSE,STK,2885,INE002A01018,RELIANCE,EQ,101,102,100,101.5,101,100,200\n"
    packed = tmp_path / "BhavCopy.csv.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("BhavCopy.csv", header + new)
    shelf, found = imported(tmp_path, old, packed)
    assert (found.days, found.refused, found.importers) == (2, [], {old.name: "nse-cm", packed.name: "nse-udiff"})
    rows = shelf.read(Series("nse", DAY, "RELIANCE"), EVER)
    assert rows[["close", "volume", "prev_close"]].tolist() == [(100.0, 100, 100.0), (101.5, 200, 100.0)]
    assert shelf.covered(Series("nse", DAY, "RELIANCE")) == [("2024-07-05", "2024-07-05"), ("2024-07-08", "2024-07-08")]
    _, again = imported(tmp_path, old, packed)
    assert (again.days, again.same, again.refused) == (0, 2, [])


def test_what_is_there_is_not_changed_unless_asked(tmp_path):
    imported(tmp_path, write(tmp_path / "a.csv", CM + cm_line("X", "05-JUL-2024", 100.0)))
    other = write(tmp_path / "b.csv", CM + cm_line("X", "05-JUL-2024", 105.0))
    shelf, found = imported(tmp_path, other)
    assert "the archive holds other values for that day" in found.refused[0]
    assert shelf.read(Series("nse", DAY, "X"), EVER)["close"].tolist() == [100.0]
    shelf, found = imported(tmp_path, other, is_again=True)
    assert (found.refused, shelf.read(Series("nse", DAY, "X"), EVER)["close"].tolist()) == ([], [105.0])


def test_bad_lines_and_bad_days_are_refused_by_name_and_the_rest_is_taken(tmp_path):
    lines = [
        cm_line("X", "05-JUL-2024", 100.0),
        cm_line("X", "05-JUL-2024", 101.0),
        cm_line("X", "06-JUL-2024", 100.0),
        cm_line("X", "soon", 100.0),
        cm_line("X", "08-JUL-2024", 100.0, volume=-5),
        cm_line("X", "09-JUL-2024", 0.5),
    ]
    shelf, found = imported(tmp_path, write(tmp_path / "a.csv", CM + "".join(lines)))
    assert found.days == 1
    for word, why in zip(("line 5", "came twice", "no trading", "out of bounds", "not in order"), found.refused, strict=True):
        assert word in why
    assert len(shelf.parts(Series("nse", DAY, "X"))[0].note.refused) == 4


def test_a_refusal_stands_until_its_day_is_taken(tmp_path):
    twice = cm_line("X", "05-JUL-2024", 100.0) * 2
    shelf, _ = imported(tmp_path, write(tmp_path / "a.csv", CM + twice + cm_line("X", "08-JUL-2024", 100.0, volume=-5)))
    note = shelf.parts(Series("nse", DAY, "X"))[0].note
    assert [why[:10] for why in note.refused] == ["2024-07-05", "2024-07-08"]
    shelf, _ = imported(tmp_path, write(tmp_path / "b.csv", CM + cm_line("X", "05-JUL-2024", 100.0)), is_again=True)
    assert [why[:10] for why in shelf.parts(Series("nse", DAY, "X"))[0].note.refused] == ["2024-07-08"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (cm_line("X", "05-JUL-2024", 100.0, volume="1e300"), "no whole number of shares"),
        (cm_line("X", "05-JUL-2024", float("nan")), "no price"),
        (cm_line("..", "05-JUL-2024", 100.0), "no symbol"),
        (cm_line("X" * 300, "05-JUL-2024", 100.0), "no symbol"),
        (cm_line("X", "05-JUL-0001", 100.0), "before 1900"),
    ],
)
def test_a_line_that_can_have_no_place_is_refused_by_name(tmp_path, line, words):
    _, found = imported(tmp_path, write(tmp_path / "a.csv", CM + line + cm_line("Y", "08-JUL-2024", 100.0)))
    assert found.days == 1
    assert len(found.refused) == 1
    assert found.refused[0].startswith("a.csv, line 2: ")
    assert words in found.refused[0]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "SYMBOL,SERIES\nX,EQ\n"])
def test_a_file_that_nobody_knows_is_refused_whole(tmp_path, text):
    good = write(tmp_path / "good.csv", CM + cm_line("X", "05-JUL-2024", 100.0))
    with pytest.raises(Refused, match="no importer knows"):
        imported(tmp_path, good, write(tmp_path / "odd.csv", text))
    assert not list(tmp_path.rglob("*.parquet"))


def test_damaged_and_absent_files_are_one_line(tmp_path):
    (tmp_path / "bin.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("bin.csv", "absent.csv"):
        with pytest.raises(Refused) as caught:
            imported(tmp_path, tmp_path / name)
        assert "\n" not in str(caught.value)


def test_only_the_named_symbols(tmp_path):
    shelf, _ = imported(
        tmp_path,
        write(tmp_path / "a.csv", CM + cm_line("X", "05-JUL-2024", 10.0) + cm_line("Y", "05-JUL-2024", 10.0)),
        symbols=frozenset({"Y"}),
    )
    assert [s.symbol for s in shelf.series()] == ["Y"]


def test_yahoos_false_days_are_found_by_the_check(tmp_path, shared_data):
    import pyarrow.parquet as pq

    held = pq.read_table(shared_data / "candles_1d" / "yahoo_adjusted_1d_2005_2026.parquet").to_pylist()
    seen = {}
    for symbol in sorted({row["symbol"] for row in held}):
        days = [row for row in held if row["symbol"] == symbol and row["timestamp"].year < 2007]
        lines = [f"{r['timestamp']:%Y-%m-%d},{r['open']},{r['high']},{r['low']},{r['close']},{r['close']},{r['volume']}\n" for r in days]
        shelf, found = imported(tmp_path, write(tmp_path / f"{symbol}.NS.csv", YAHOO + "".join(lines)))
        assert (found.days, found.refused) == (len(days), [])
        series = Series("yahoo", DAY, symbol)
        looked = findings(shelf.read(series, EVER), shelf.covered(series), DAY, CALENDAR, Group.EQ)
        seen[symbol] = {f.kind for f in looked if f.date == "2005-07-28"}
        if symbol == "LT":
            assert ("2006-09-27", "spike") in {(f.date, f.kind) for f in looked}
    assert all(kinds & {"spike", "untraded", "filled"} for kinds in seen.values()), seen
    assert "spike" in seen["RELIANCE"]


def test_real_days_written_as_daily_files_come_back_bit_for_bit(tmp_path, shared_data):
    import pyarrow.parquet as pq

    held = pq.read_table(shared_data / "candles_1d" / "nse_1d_raw_2000_2021.parquet").to_pylist()
    days = sorted({row["timestamp"].date() for row in held if row["timestamp"].year == 2020})[:40]
    paths = []
    for day in days:
        lines = [
            f"{r['symbol']},EQ,{r['open']},{r['high']},{r['low']},{r['close']},{r['last']},{r['prev_close']},{r['volume']},1,"
            f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year},5,INE000000000,\n"
            for r in held
            if r["timestamp"].date() == day
        ]
        paths.append(write(tmp_path / f"cm{day:%d%m%Y}bhav.csv", CM + "".join(lines)))
    shelf, found = imported(tmp_path, *paths)
    assert found.refused == []
    total = 0
    for series in shelf.series():
        mine = [r for r in held if r["symbol"] == series.symbol and r["timestamp"].date() in days]
        rows = np.sort(shelf.read(series, EVER), order="ts")
        total += len(rows)
        for name in ("open", "high", "low", "close", "volume", "prev_close"):
            assert rows[name].tolist() == [r[name] for r in mine]
        assert [ist_date(int(ts)) for ts in rows["ts"]] == [f"{r['timestamp']:%Y-%m-%d}" for r in mine]
    assert total == found.days > 1_000
