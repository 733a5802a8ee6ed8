import gzip

import pytest

from pipeline.broker.instruments_check import validate
from pipeline.broker.instruments_csv import is_csv, rows_of_csv
from pipeline.core.errors import Refused
from pipeline.core.session import ist_ms

HEAD = '"instrument_key","exchange_token","tradingsymbol","name","last_price","expiry","strike","tick_size","lot_size","instrument_type","option_type","exchange"\n'
SHARE = '"NSE_EQ|INE002A01018","2885","RELIANCE","RELIANCE INDUSTRIES","1412.3","","","0.1","1","EQUITY","","NSE_EQ"\n'
OPTION = '"NSE_FO|50912","50912","BANKNIFTY26JAN54100PE","BANKNIFTY","3.4","2026-01-27","54100.0","0.05","30","OPTIDX","PE","NSE_FO"\n'
INDEX = '"NSE_INDEX|Nifty 50","26000","NIFTY","Nifty 50","","","","","","INDEX","","NSE_INDEX"\n'


def test_rupees_become_paise_and_dates_milliseconds():
    share, option, index = rows_of_csv(HEAD + SHARE + OPTION + INDEX, "f.csv")
    assert (share["tick_size"], share["lot_size"], share["instrument_type"], share["isin"]) == (10.0, 1, "EQ", "INE002A01018")
    assert (option["tick_size"], option["instrument_type"], option["strike_price"]) == (5.0, "PE", 54100.0)
    assert option["expiry"] == ist_ms("2026-01-27", "23:59:59") + 999
    assert "tick_size" not in index


def test_the_form_is_told_by_its_first_column():
    assert is_csv(HEAD)
    assert is_csv("\ufeff" + HEAD)
    assert not is_csv("[{}]")


@pytest.mark.parametrize(
    "text", [HEAD + SHARE.replace('"0.1"', '"x"'), HEAD + OPTION.replace("2026-01-27", "27 Jan"), HEAD + SHARE.replace('"1","EQ', '"","EQ')]
)
def test_a_damaged_line_is_named(text):
    with pytest.raises(Refused, match=r"f\.csv: line 2 is damaged|no date and time"):
        list(rows_of_csv(text, "f.csv"))


def test_missing_columns_are_named():
    with pytest.raises(Refused, match="tick_size"):
        list(rows_of_csv(HEAD.replace('"tick_size",', ""), "f.csv"))


def test_a_recorded_csv_is_read_in_paise(shared_data):
    text = gzip.decompress((shared_data / "instruments" / "upstox_NSE_csv_sample_2026-08-15.csv.gz").read_bytes()).decode()
    rows = list(rows_of_csv(text, "recorded"))
    found = validate(rows, (), "2026-08-15", "recorded")
    assert found.is_fit, found.faults
    assert "tick_size" not in found.counts
    assert found.counts["freeze_quantity"] > 0, "the old form has none"
