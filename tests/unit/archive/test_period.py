import pytest

from pipeline.archive.period import Period, period_of
from pipeline.core.errors import Refused


@pytest.mark.parametrize(("name", "unit", "interval", "minutes", "months"), [("1m", "minutes", 1, 1, 1), ("15m", "minutes", 15, 15, 1), ("16m", "minutes", 16, 16, 3), ("300m", "minutes", 300, 300, 3), ("5h", "hours", 5, 300, 3), ("1d", "days", 1, 0, 120), ("1w", "weeks", 1, 0, 12_000), ("1mo", "months", 1, 0, 12_000)])  # fmt: skip
def test_names_and_limits(name, unit, interval, minutes, months):
    period = period_of(name)
    assert (period.unit, period.interval, period.minutes, period.months_a_call, period.name) == (unit, interval, minutes, months, name)


@pytest.mark.parametrize("name", ["", "m", "0m", "301m", "6h", "2d", "2w", "1y", "1.5m", "-1m"])
def test_what_the_broker_has_not_is_refused_in_one_line(name):
    with pytest.raises(Refused) as caught:
        period_of(name)
    assert "\n" not in str(caught.value)


def test_parts_and_beginnings():
    assert (Period("minutes").part("2026-11-20"), Period("days").part("2026-11-20")) == ("2026-11", "2026")
    assert (Period("hours").first_date, Period("weeks").first_date) == ("2022-01-01", "2000-01-01")
