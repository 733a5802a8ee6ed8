import pytest

from pipeline.importers.spec import DayRow
from pipeline.importers.yahoo import read

LINE = {
    "Date": "2024-01-01",
    "Open": "2580.5",
    "High": "2606.85",
    "Low": "2573.1",
    "Close": "2590.25",
    "Adj Close": "2581.0",
    "Volume": "2030346",
}


def test_a_line_takes_its_name_from_outside():
    assert read(LINE, "RELIANCE") == DayRow("RELIANCE", "2024-01-01", 2580.5, 2606.85, 2573.1, 2590.25, 2030346, adj_close=2581.0)


def test_a_day_of_null_is_an_error():
    with pytest.raises(ValueError, match="null"):
        read(LINE | dict.fromkeys(("Open", "High", "Low", "Close", "Adj Close", "Volume"), "null"), "RELIANCE")
