import pytest

from pipeline.core.session import ist_ms
from pipeline.simulator.answers import ApiError, failure, iso_time, local_time, number, reply_key, success
from pipeline.simulator.listing import DEFAULT_LISTINGS


def test_envelopes():
    assert success([1], metadata={}) == {"status": "success", "data": [1], "metadata": {}}
    row = failure(ApiError(429, "UDAPI10005", "slow down", "p", 3))["errors"][0]
    assert row["errorCode"] == row["error_code"] == "UDAPI10005"
    assert (row["propertyPath"], row["invalid_value"]) == ("p", 3)


def test_times_and_keys():
    ts = ist_ms("2026-09-25", "09:20:01")
    assert local_time(ts) == "2026-09-25 09:20:01"
    assert iso_time(ts) == "2026-09-25T09:20:01+05:30"
    assert reply_key(DEFAULT_LISTINGS[0]) == "NSE_EQ:RELIANCE"


@pytest.mark.parametrize("value", ["1", None, float("nan"), float("inf"), True, []])
def test_numbers_must_be_numbers(value):
    with pytest.raises(ApiError):
        number({"x": value}, "x")


def test_numbers_may_have_a_default():
    assert number({"x": None}, "x", 2.0) == number({}, "x", 2.0) == 2.0
    assert number({"x": 3}, "x") == 3
