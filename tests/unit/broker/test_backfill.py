"""The rules of the backfill without a network; under kills and against a simulator: tests/integration/broker/test_backfill.py."""

from dataclasses import replace

import numpy as np

from pipeline.archive.shelf import Series, Shelf
from pipeline.broker.backfill import Backfill, BackfillPlan
from pipeline.broker.candle_calls import CandleCalls
from pipeline.broker.quota import Limit, ReadBudget
from pipeline.simulator.answers import iso_time
from tests.fakes.archive import CALENDAR, MINUTE, STOCK, minutes_of

SERIES = Series("upstox", MINUTE, "RELIANCE")
SPAN = ("2026-11-16", "2026-11-19")
WEEK = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19")


class Broker:
    def __init__(self, bars):
        self.bars, self.asked = bars, []

    def get_data(self, path):
        self.asked.append(path.rsplit("/", 2)[1:])
        rows = [[iso_time(int(b["ts"])), *(float(b[n]) for n in ("open", "high", "low", "close")), int(b["volume"]), 0] for b in self.bars]
        last, first = self.asked[-1]
        return {"candles": [row for row in rows if first <= row[0][:10] <= last][::-1]}


def fetch(folder, bars, *, believed="2026-11-13", is_again=False):
    shelf, broker = Shelf(folder, "Upstox"), Broker(bars)
    calls = CandleCalls(broker, ReadBudget((Limit(10_000, 1),)))
    with shelf.writing():
        outcome = Backfill(calls, CALENDAR, shelf, lambda *_: None).run(BackfillPlan((STOCK,), MINUTE, *SPAN, believed, is_again))
    return shelf, broker, outcome


def test_whole_days_are_kept_and_not_asked_for_again(tmp_path):
    shelf, _, outcome = fetch(tmp_path, minutes_of(*WEEK))
    assert (outcome.candles, outcome.failed, shelf.covered(SERIES)) == (1_500, [], [SPAN])
    assert fetch(tmp_path, minutes_of(*WEEK))[1].asked == []


def test_a_young_short_day_is_asked_for_again_and_an_old_one_is_believed(tmp_path):
    bars = np.delete(minutes_of(*WEEK), -1)
    shelf, _, _ = fetch(tmp_path, bars)
    assert shelf.covered(SERIES) == [("2026-11-16", "2026-11-18")]
    _, broker, _ = fetch(tmp_path, minutes_of(*WEEK))
    assert broker.asked == [["2026-11-19", "2026-11-19"]]
    assert len(shelf.read(SERIES, SPAN)) == 1_500
    old, _, _ = fetch(tmp_path / "old", bars, believed="2026-11-19")
    assert old.covered(SERIES) == [SPAN]


def test_an_answer_that_knows_less_takes_nothing_away(tmp_path):
    whole = minutes_of(*WEEK)
    fetch(tmp_path, whole)
    shelf, broker, _ = fetch(tmp_path, whole[375:-5], is_again=True)
    assert len(broker.asked) == 1
    assert shelf.read(SERIES, SPAN).tobytes() == whole.tobytes()
    changed = whole.copy()
    changed["volume"] += 1
    shelf, _, _ = fetch(tmp_path, changed, is_again=True)
    assert shelf.read(SERIES, SPAN).tobytes() == changed.tobytes()


def test_one_bad_candle_is_refused_and_noted_and_many_refuse_the_answer(tmp_path):
    bars = minutes_of(*WEEK)
    bars["volume"][7] = -1
    shelf, _, outcome = fetch(tmp_path, bars)
    assert (outcome.candles, len(outcome.refused), outcome.failed) == (1_499, 1, [])
    (part,) = shelf.parts(SERIES)
    assert "2026-11-16 09:22" in part.note.refused[0]
    assert part.note.covered == (("2026-11-17", "2026-11-19"),), "the day lacks a candle, and is young"
    bars["volume"][:20] = -1
    shelf, broker, outcome = fetch(tmp_path / "many", bars)
    assert len(broker.asked) == 2
    assert "20 of 1500 candles are bad" in outcome.failed[0]
    assert shelf.series() == []


def test_candles_of_other_dates_refuse_the_answer(tmp_path):
    class Strange(Broker):
        def get_data(self, path):
            held = super().get_data(path)["candles"]
            return {"candles": [*held, ["2026-10-05T09:15:00+05:30", 1, 1, 1, 1, 1, 0]]}

    shelf = Shelf(tmp_path, "Upstox")
    calls = CandleCalls(Strange(minutes_of(*WEEK)), ReadBudget((Limit(10_000, 1),)))
    with shelf.writing():
        outcome = Backfill(calls, CALENDAR, shelf, lambda *_: None).run(BackfillPlan((STOCK,), MINUTE, *SPAN, SPAN[1]))
    assert "candles of 2026-10-05, which were not asked for" in outcome.failed[0]
    assert shelf.series() == []


def test_a_damaged_part_is_put_aside_and_fetched_again(tmp_path):
    shelf, _, _ = fetch(tmp_path, minutes_of(*WEEK))
    path = shelf.folder(SERIES) / "2026-11.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    _, broker, outcome = fetch(tmp_path, minutes_of(*WEEK))
    assert (len(broker.asked), outcome.candles, path.with_suffix(".damaged").exists()) == (1, 1_500, True)


def test_days_before_a_stock_went_into_the_closing_auction_keep_their_last_quarter(tmp_path):
    """It is in the auction today; on the first two days it traded on, on the others the broker filled the auction's minutes."""
    today, bars = replace(STOCK, is_cas_eligible=True), minutes_of(*WEEK)
    is_late = (bars["ts"] + 19_800_000) % 86_400_000 >= (15 * 60 + 15) * 60_000
    bars["volume"][is_late & (bars["ts"] > bars["ts"][749])] = 0
    shelf, calls = Shelf(tmp_path, "Upstox"), CandleCalls(Broker(bars), ReadBudget((Limit(10_000, 1),)))
    with shelf.writing():
        outcome = Backfill(calls, CALENDAR, shelf, lambda *_: None).run(BackfillPlan((today,), MINUTE, *SPAN, "2026-11-13"))
    assert (outcome.candles, outcome.refused) == (2 * 375 + 2 * 360, [])
    assert shelf.covered(SERIES) == [SPAN], "each day is whole by its own clock"
