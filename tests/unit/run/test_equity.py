"""What an account brings into a session: nothing is lost over the night, and nothing counts twice."""

import pytest

from pipeline.core.errors import Refused
from pipeline.core.job import Context, HashWrite
from pipeline.core.schema import EQUITY
from pipeline.jobs.orders import job
from pipeline.run.equity import Brought, account_of, bring, brought, forget
from pipeline.run.settings import load
from pipeline.store.memory import MemoryStore
from tests.fakes.trading import DATE, PAPERS, PARAMS, day

LEFT = {"date": "2026-11-19", "carried_paise": "-100", "net_paise": "-30", "peak_paise": "50"}


def test_the_day_before_is_added_and_the_peak_stays():
    assert brought({}, DATE, is_outward=True) == Brought(0, 0)
    assert brought(LEFT, DATE, is_outward=True) == Brought(-130, 50)
    assert brought(LEFT | {"net_paise": "170"}, DATE, is_outward=True) == Brought(70, 70)


def test_a_session_of_the_same_date_counts_its_own_result_once():
    same = LEFT | {"date": DATE}
    assert brought(same, DATE, is_outward=True) == Brought(-100, 50), "the broker's trades of the day are read again"
    assert brought(same, DATE, is_outward=False) == Brought(-130, 50), "on paper they are gone, and their loss is not"


@pytest.mark.parametrize("broken", [{"peak_paise": "many"}, {"date": None}, {"net_paise": None}])
def test_a_mark_that_cannot_be_read_stops_the_start(broken):
    fields = {name: text for name, text in (LEFT | broken).items() if text is not None}
    with pytest.raises(Refused, match="highwater reset"):
        brought(fields, DATE, is_outward=True)


def test_only_a_day_of_todays_market_has_an_account():
    assert account_of(load(overrides={"mode": "paper"})) == "paper"
    assert account_of(load(overrides={"session_date": DATE})) == ""
    assert bring(MemoryStore(), "", DATE, is_outward=False) == Brought(0, 0)


def test_three_days_of_two_per_cent_end_in_a_stop_and_a_reset_lifts_it():
    """What no single day's stop sees (requirements J1)."""
    store = MemoryStore()
    for date in ("2026-11-18", "2026-11-19", "2026-11-20"):
        found = bring(store, "paper", date, is_outward=False)
        desk = job.initial(
            Context(PAPERS, DATE, "paper", PARAMS, day(), account="paper", carried_paise=found.carried_paise, peak_paise=found.peak_paise)
        )
        net = {"ts": 1, "date": date, "carried_paise": desk.carried_paise, "net_paise": -2_000_000, "peak_paise": desk.peak_paise}
        store.put(HashWrite(EQUITY, ("paper",), net))
    assert bring(store, "paper", "2026-11-23", is_outward=False) == Brought(-6_000_000, 0)
    forget(store, "paper")
    assert bring(store, "paper", "2026-11-23", is_outward=False) == Brought(0, 0)
