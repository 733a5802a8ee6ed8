import pytest

from pipeline.importers.nse_udiff import read
from pipeline.importers.spec import DayRow

LINE = {"TradDt": "2024-07-08", "Sgmt": "CM", "ISIN": "INE002A01018", "TckrSymb": "RELIANCE", "SctySrs": "EQ", "OpnPric": "3180.00", "HghPric": "3217.60", "LwPric": "3175.10", "ClsPric": "3201.80", "LastPric": "3202.00", "PrvsClsgPric": "3177.25", "TtlTradgVol": "4650102"}  # fmt: skip


def test_a_line():
    assert read(LINE, "") == DayRow("RELIANCE", "2024-07-08", 3180.0, 3217.6, 3175.1, 3201.8, 4650102, 3177.25, 0.0, "NSE_EQ|INE002A01018")


def test_other_segments_and_series_are_of_no_concern():
    assert read(LINE | {"Sgmt": "FO"}, "") is None
    assert read(LINE | {"SctySrs": "GB"}, "") is None


@pytest.mark.parametrize("change", [{"TradDt": "08-JUL-2024"}, {"LwPric": ""}])
def test_what_cannot_be_read_is_an_error(change):
    with pytest.raises(ValueError, match=r"\S"):
        read(LINE | change, "")
