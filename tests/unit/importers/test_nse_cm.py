import pytest

from pipeline.importers.nse_cm import read
from pipeline.importers.spec import DayRow

LINE = {"SYMBOL": "RELIANCE", "SERIES": "EQ", "OPEN": "2605.8", "HIGH": "2608.4", "LOW": "2579.6", "CLOSE": "2584.95", "LAST": "2582", "PREVCLOSE": "2596.65", "TOTTRDQTY": "4011273", "TOTTRDVAL": "1", "TIMESTAMP": "01-JAN-2024", "TOTALTRADES": "9", "ISIN": "INE002A01018"}  # fmt: skip


def test_a_line():
    assert read(LINE, "") == DayRow("RELIANCE", "2024-01-01", 2605.8, 2608.4, 2579.6, 2584.95, 4011273, 2596.65, 0.0, "NSE_EQ|INE002A01018")


def test_other_series_are_of_no_concern():
    assert read(LINE | {"SERIES": "N1"}, "") is None
    assert read(LINE | {"SERIES": " BE "}, "") is not None


@pytest.mark.parametrize("change", [{"TIMESTAMP": "2024-01-01"}, {"OPEN": "-"}, {"TOTTRDQTY": "1.5"}, {"CLOSE": ""}])
def test_what_cannot_be_read_is_an_error(change):
    with pytest.raises(ValueError, match=r"\S"):
        read(LINE | change, "")
