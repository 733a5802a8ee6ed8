from collections import Counter

import numpy as np
import pytest

from pipeline.archive.adjust import Action, Factor, adjusted, factors, read_actions, read_table, table_text, unexplained
from pipeline.archive.soundness import DAILY
from pipeline.core.errors import Refused
from tests.fakes.archive import days_of

ROWS = days_of({"2010-01-04": 100.0, "2010-01-05": 100.0, "2010-01-06": 50.0, "2010-01-07": 52.0, "2010-01-08": 5.2})
ROWS["prev_close"] = [0.0, 100.0, 100.0, 50.0, 52.0]


def test_a_step_that_agrees_is_applied_and_the_raw_stays():
    before = ROWS.tobytes()
    table = factors(ROWS, [Action("X", "2010-01-06", 2.0), Action("X", "2010-01-08", 10.0)], frozenset())
    assert [(f.state, f.step) for f in table] == [("applied", 2.0), ("applied", 10.0)]
    out = adjusted(ROWS, table)
    assert out["close"].tolist() == [5.0, 5.0, 5.0, 5.2, 5.2]
    assert out["volume"].tolist() == [20_000, 20_000, 10_000, 10_000, 1_000]
    assert out["prev_close"].tolist() == [0.0, 5.0, 5.0, 5.0, 5.2]
    assert ROWS.tobytes() == before
    assert unexplained(ROWS, table) == []


def test_a_step_that_disagrees_is_refused_unless_forced():
    wrong = [Action("X", "2010-01-06", 4.0), Action("X", "2010-01-07", 10.0)]
    table = factors(ROWS, wrong, frozenset())
    assert [f.state for f in table] == ["refused", "refused"]
    assert "steps by 2.00, not by 4" in table[0].why
    assert "the prices step so on 2010-01-08" in table[1].why
    assert unexplained(ROWS, table) == [("2010-01-06", 2.0), ("2010-01-08", 10.0)]
    assert adjusted(ROWS, table).tobytes() == ROWS.tobytes()
    (forced,) = factors(ROWS, wrong[:1], frozenset({"2010-01-06"}))
    assert forced.state == "forced"
    assert adjusted(ROWS, [forced])["close"][0] == 25.0


def test_a_small_ratio_needs_a_step_of_its_own():
    (factor,) = factors(ROWS, [Action("X", "2010-01-07", 1.08)], frozenset())
    assert factor.state == "refused", "a rise of 4 % is no bonus of 8 %, though within a tenth of it"


def test_actions_outside_the_rows_and_long_silence():
    assert factors(ROWS, [Action("X", "2009-01-01", 2.0), Action("X", "2011-01-01", 2.0)], frozenset()) == []
    assert factors(np.zeros(0, DAILY), [Action("X", "2010-01-06", 2.0)], frozenset()) == []
    gap = days_of({"2010-01-04": 100.0, "2010-02-04": 50.0})
    assert "no trading within" in factors(gap, [Action("X", "2010-01-06", 2.0)], frozenset())[0].why


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "symbol,ex_date,split_ratio\nX,soon,2\n", "symbol,ex_date,split_ratio\nX,2010-01-01,two\n", "symbol,ex_date,split_ratio\nX,2010-01-01,-2\n", "symbol,ex_date,split_ratio\nX,2010-01-01,nan\n", "symbol,ex_date,split_ratio\nX\n", "symbol,ex_date,split_ratio\nX,2010-01-01,\0\n"])  # fmt: skip
def test_a_bad_file_is_one_line(text):
    with pytest.raises(Refused, match=r"actions\.csv") as caught:
        read_actions(text, "actions.csv")
    assert "\n" not in str(caught.value)


def test_the_table_goes_to_text_and_back():
    table = [Factor("2010-01-06", 1.5, 1.4987, "applied"), Factor("2011-01-06", 2.0, 0.0, "refused", "no, never")]
    assert read_table(table_text(table), "f") == table
    with pytest.raises(Refused, match="history adjust"):
        read_table("x\n1\n", "f")


def test_the_known_wrong_actions_are_found_and_the_right_ones_applied(shared_data):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = shared_data / "candles_1d"
    held = pq.read_table(folder / "nse_1d_raw_2000_2021.parquet")
    symbols = np.array(held["symbol"].to_pylist())
    rows = np.zeros(len(symbols), DAILY)
    rows["ts"] = held["timestamp"].cast(pa.timestamp("ms", tz="Asia/Kolkata")).cast("int64").to_numpy()
    for name in ("open", "close"):
        rows[name] = held[name].to_numpy()
    actions = read_actions((folder / "corporate_actions_yahoo_1996_2021.csv").read_text(), "a")
    states, refused, steps = Counter(), {}, {}
    for symbol in np.unique(symbols).tolist():
        mine = np.sort(rows[symbols == symbol], order="ts")
        table = factors(mine, [a for a in actions if a.symbol == symbol], frozenset())
        states += Counter(f.state for f in table)
        refused |= {(symbol, f.ex_date): round(f.step) for f in table if f.state == "refused"}
        steps |= {(symbol, day): round(step, 1) for day, step in unexplained(mine, table)}
    assert states == {"applied": 52, "refused": 5}
    known = {("BAJFINANCE", "2016-09-08"): 10, ("ITC", "2005-09-21"): 14, ("TECHM", "2015-03-19"): 4, ("VEDL", "2008-08-08"): 19}
    assert refused == known | {("INFY", "2000-01-24"): 1}
    missing = {
        ("ASIANPAINT", "2000-08-02"),
        ("BAJAJ-AUTO", "2010-09-08"),
        ("HCLTECH", "2000-11-29"),
        ("HEROMOTOCO", "2001-03-14"),
        ("RELIANCE", "2006-01-18"),
    }
    assert missing <= set(steps)
