from dataclasses import replace

import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.job import Context, HashWrite, SampleWrite
from pipeline.core.rates import Line
from pipeline.core.schema import PORTFOLIO, PORTFOLIO_PNL, POSITION
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import Fill, OrderEvent, OrderIntent, PortfolioMinute, Side
from pipeline.jobs.portfolio import job
from tests.fakes.trading import DATE, PAPERS, PARAMS, at, day, frame, params

T = at("10:00")
CONTEXT = Context(PAPERS, DATE, "paper", PARAMS, day())


def run(account, *records):
    return [out for record in records for out in job.step(account, record, record.ts)]


def bought(ts=T + 10, trade="P1-1", symbol="AAA"):
    return Fill(ts, trade, "P1", "i1", symbol, Side.BUY, 100, 100_05, "entry")


def intent(purpose="entry"):
    return OrderIntent(T + 9, "i1", "c", "AAA", Side.BUY, purpose, "LIMIT", 100, 100_10, 99_00, 101_50, 110_00, "tt-i1", "R1", 0)


def hashes(outputs, kind):
    return [o.fields for o in outputs if isinstance(o, HashWrite) and o.hash is kind]


def test_a_fill_shows_at_once_with_its_plan():
    account = job.initial(CONTEXT)
    out = run(account, frame(T, (0, 99.95, 100.05)), intent(), bought())
    position, total = hashes(out, POSITION)[0], hashes(out, PORTFOLIO)[0]
    assert (position["qty"], position["side"], position["avg_px"], position["mark_px"]) == (100, "long", 100.05, 100.0)
    assert (position["stop_px"], position["target_px"], position["mark_age_ms"]) == (99.0, 101.5, 10)
    assert total["net_paise"] == -500 - total["charges_paise"]
    assert total["positions"] == 1
    lines = [total[f"charges_{line}_paise"] for line in Line]
    assert lines == [1000, 0, 30, 1, 1, 30, 186], "100 shares bought at 100.05, by line"
    assert abs(sum(lines) - total["charges_paise"]) <= len(lines) / 2, "each is rounded for itself"


def guard(status="ACCEPTED", leaves=100, trigger=99_00, key="s1", ts=T + 20):
    return OrderEvent(ts, "P9", key, "AAA", Side.SELL, "stop", status, 100, 0, leaves, 0, 0.0, "", "tx-s1", trigger)


def test_a_position_is_open_once_all_of_it_is_covered_at_the_broker():
    account = job.initial(CONTEXT)
    out = run(account, frame(T, (0, 99.95, 100.05)), intent(), bought())
    assert hashes(out, POSITION)[-1]["state"] == "opening"
    assert run(account, guard("SENDING")) == []
    states = [hashes(run(account, event), POSITION)[-1]["state"] for event in (guard(leaves=60), guard(leaves=40, key="s2"))]
    assert states == ["opening", "open"]
    twin = job.initial(CONTEXT)
    job.load(twin, job.dump(account))
    for one in (account, twin):
        assert hashes(run(one, guard("CANCELLED", 0)), POSITION)[-1]["state"] == "opening"


def shown(account, *records):
    position = hashes(run(account, *records), POSITION)[-1]
    return position["guard"], position["covered_qty"], position["naked_since"]


def test_a_position_tells_what_guards_it_and_since_when_nothing_does():
    account = job.initial(CONTEXT)
    assert shown(account, frame(T, (0, 99.95, 100.05)), intent(), bought()) == ("", 0, T + 10)
    assert shown(account, guard(leaves=60)) == ("stop", 60, T + 10), "a part is not all"
    assert shown(account, guard(leaves=100)) == ("stop", 100, 0)
    assert shown(account, guard("CANCELLED", 0, ts=T + 40)) == ("", 0, T + 40)
    twin = job.initial(CONTEXT)
    job.load(twin, job.dump(account))
    for one in (account, twin):
        closing = replace(guard(leaves=100, trigger=0, key="x1", ts=T + 70), purpose="exit")
        assert shown(one, guard("REJECTED", 0, ts=T + 50), guard(leaves=10, ts=T + 60)) == ("stop", 10, T + 40)
        assert shown(one, closing) == ("stop + closing", 100, 0)
        sold = Fill(T + 80, "P2-1", "P2", "x1", "AAA", Side.SELL, 100, 101_05, "exit")
        assert shown(one, sold) == ("", 0, 0)
        assert run(one, guard(leaves=5, ts=T + 90)) == [], "nothing is held"


@pytest.mark.parametrize(("trigger", "face"), [(99_00, "pair: stop"), (0, "pair: target")])
def test_a_pair_shows_its_face(trigger, face):
    account = job.initial(replace(CONTEXT, params=params(exits="pair")))
    assert shown(account, intent(), bought(), guard(trigger=trigger)) == (face, 100, 0)


def test_a_gtts_server_is_named_as_such():
    account = job.initial(CONTEXT)
    server = replace(intent("stop"), id="s1", order_type="GTT")
    assert shown(account, intent(), bought(), server, guard()) == ("gtt", 100, 0)
    twin = job.initial(CONTEXT)
    job.load(twin, job.dump(account))
    assert shown(twin, guard(trigger=99_50)) == ("gtt", 100, 0)


def test_a_stop_that_follows_the_price_is_shown_where_it_lies():
    account = job.initial(CONTEXT)
    run(account, frame(T, (0, 99.95, 100.05)), intent(), bought())
    assert hashes(run(account, guard()), POSITION)[-1]["stop_px"] == 99.0
    assert hashes(run(account, guard(trigger=99_80)), POSITION)[-1]["stop_px"] == 99.8
    assert hashes(run(account, guard(trigger=0)), POSITION)[-1]["stop_px"] == 99.0, "a limit at the target has no trigger"


def test_a_doubled_fill_changes_nothing():
    account = job.initial(CONTEXT)
    run(account, bought())
    assert run(account, bought()) == []
    assert account.ledger.qty("AAA") == 100


def test_a_minute_is_written_at_the_first_frame_after_it_with_the_marks_before():
    account = job.initial(CONTEXT)
    run(account, frame(T, (0, 99.95, 100.05)), bought())
    out = run(account, frame(T + 60_000, (0, 119.95, 120.05)))
    picture = next(o for o in out if isinstance(o, PortfolioMinute))
    assert (picture.ts, picture.unrealised_paise, picture.fills, picture.positions) == (T + 60_000, -500, 1, 1)
    sample = next(o for o in out if isinstance(o, SampleWrite))
    assert (sample.series, sample.ts, sample.value) == (PORTFOLIO_PNL, T + 60_000, picture.net_paise / 100)


def test_a_silence_gives_one_picture():
    account = job.initial(CONTEXT)
    run(account, frame(T, (0, 99.95, 100.05)))
    out = run(account, frame(T + 600_000, (0, 99.95, 100.05)))
    assert [o.ts for o in out if isinstance(o, PortfolioMinute)] == [T + 60_000]


def test_readable_hashes_come_once_a_second_and_only_for_what_is_held():
    account = job.initial(CONTEXT)
    assert run(account, *(frame(T + n, (0, 99.95, 100.05)) for n in range(0, 5000, 100))) == []
    run(account, bought(T + 5000))
    out = run(account, *(frame(T + 5000 + n, (0, 99.95, 100.05)) for n in range(100, 3100, 100)))
    assert len(hashes(out, POSITION)) == len(hashes(out, PORTFOLIO)) == 3


def test_a_closed_position_is_shown_flat():
    account = job.initial(CONTEXT)
    sold = Fill(T + 20, "P2-1", "P2", "i2", "AAA", Side.SELL, 100, 101_05, "exit")
    position = hashes(run(account, frame(T, (0, 99.95, 100.05)), intent(), bought(), intent("exit"), sold), POSITION)[-1]
    assert (position["qty"], position["side"], position["stop_px"], position["exposure_paise"]) == (0, "flat", 0.0, 0)
    assert position["realised_paise"] == 100_00


def test_a_denied_wish_moves_no_stop_and_a_new_position_has_its_own():
    account = job.initial(CONTEXT)
    denied = OrderIntent(T + 20, "i2", "c2", "AAA", Side.BUY, "entry", "LIMIT", 100, 100_10, 50_00, 200_00, 1, "tt-i2", "R2", 0)
    out = run(account, frame(T, (0, 99.95, 100.05)), intent(), bought(), denied, frame(T + 2000, (0, 99.95, 100.05)))
    assert hashes(out, POSITION)[-1]["stop_px"] == 99.0
    sold = Fill(T + 3000, "P2-1", "P2", "i3", "AAA", Side.SELL, 100, 101_05, "exit")
    again = replace(denied, ts=T + 4000, id="i4", stop_paise=98_00)
    opened = Fill(T + 4001, "P4-1", "P4", "i4", "AAA", Side.BUY, 10, 100_00, "entry")
    twin = job.initial(CONTEXT)
    job.load(twin, job.dump(account))
    for one in (account, twin):
        out = run(one, sold, again, opened)
        assert [position["stop_px"] for position in hashes(out, POSITION)] == [0.0, 98.0]


@pytest.mark.parametrize(
    ("ltp", "word"),
    [(95.0, ""), (-1, "daily loss nears its stop of 20,000.00"), (-2, "daily loss stop of 20,000.00 reached: no more entries today")],
)
def test_the_days_loss_is_said_before_it_stops_anything(ltp, word):
    account = job.initial(CONTEXT)
    big = replace(bought(), last_qty=1000, last_paise=1000_00)
    px = {-1: 989.0, -2: 979.0}.get(ltp, 1000 * ltp / 95.0)
    out = run(account, frame(T, (0, px, px)), big)
    assert hashes(out, PORTFOLIO)[-1]["warning"] == word


def test_the_end_writes_the_open_minute():
    account = job.initial(CONTEXT)
    run(account, frame(T, (0, 99.95, 100.05)))
    assert job.finish is not None
    assert [o.ts for o in job.finish(account, T + 5) if isinstance(o, PortfolioMinute)] == [T + 5]


@pytest.mark.parametrize("record", [bought(symbol="ZZZ"), "x"])
def test_what_cannot_be_ours_is_corrupt(record):
    account = job.initial(CONTEXT)
    with pytest.raises(Corrupt):
        list(job.step(account, record, T))


def test_a_state_of_an_earlier_program_is_refused_in_one_line():
    account = job.initial(CONTEXT)
    plain, arrays = unpack(job.dump(account))
    del plain["covers"]
    with pytest.raises(Corrupt, match="ticktick clear"):
        job.load(account, pack(plain, arrays))


def test_saved_and_loaded_it_goes_on_the_same():
    account, twin = job.initial(CONTEXT), job.initial(CONTEXT)
    run(account, frame(T, (0, 99.95, 100.05)), intent(), bought())
    job.load(twin, job.dump(account))
    last = frame(T + 60_000, (0, 98.0, 98.1))
    assert run(twin, last) == run(account, last)
    assert job.dump(twin) == job.dump(account)
