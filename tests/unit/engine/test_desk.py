from dataclasses import replace

import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import Confirmation, Fill, Side
from pipeline.engine.desk import dump, new_desk, restore
from pipeline.engine.orders import on_answer, on_recommendation, on_ticks
from tests.fakes.trading import PAPERS, at, day, frame, params, recommendation

P = params(confirm="ask")


def busy_desk():
    desk = new_desk(PAPERS, day(), P)
    t = at("10:00")
    list(on_ticks(desk, frame(t, (0, 99.95, 100.05, 50, 50), (1, 99.95, 100.05)), t))
    for symbol in ("AAA", "BBB", "CCC"):
        list(on_recommendation(desk, recommendation(symbol), t))
    list(on_answer(desk, Confirmation(t, recommendation("AAA").id, "confirm", "page"), t))
    list(on_answer(desk, Confirmation(t, recommendation("BBB").id, "confirm", "page"), t))
    list(on_answer(desk, Confirmation(t, "unread", "confirm", "page"), t))
    return desk


def test_papers_know_their_clock():
    desk = new_desk(PAPERS, day(), P)
    assert desk.paper("AAA").square_off_ms == at("15:05")
    assert desk.paper("BBB").square_off_ms == at("15:12")
    assert desk.is_open("AAA", at("15:14"))
    assert not desk.is_open("AAA", at("15:16"))
    assert desk.is_open("BBB", at("15:16"))
    with pytest.raises(Corrupt, match="ZZZ"):
        desk.paper("ZZZ")


def test_exposure_counts_what_may_still_fill():
    desk = busy_desk()
    assert desk.ledger.qty("AAA") == 50
    assert desk.open_symbols() == {"AAA", "BBB"}
    assert [o.leaves_qty for o in desk.entries("AAA")] == [499 - 50]
    assert desk.exposure_paise() == 50 * 100_00 + 449 * 100_10 + 499 * 100_05
    desk.mark_held()
    assert desk.exposure_paise() == 50 * 100_00 + 449 * 100_10 + 499 * 100_00


def test_a_dump_restores_the_same_desk():
    desk = busy_desk()
    assert {len(desk.pending), len(desk.early), len(desk.plans)} == {1, 2}
    twin = new_desk(PAPERS, day(), P)
    restore(twin, *unpack(pack(*dump(desk))))
    assert pack(*dump(twin)) == pack(*dump(desk))
    t = at("10:00") + 500
    batch = frame(t, (0, 98.90, 99.00, 5000, 5000), (1, 99.95, 100.05))
    assert list(on_ticks(twin, batch, t)) == list(on_ticks(desk, batch, t))
    assert pack(*dump(twin)) == pack(*dump(desk))


def test_what_seldom_changes_is_written_once_and_anew_when_it_does():
    desk = busy_desk()
    desk.final = dict(desk.orders)
    for table in (desk.orders, {key: replace(order, told="complete") for key, order in desk.orders.items()}, {}):
        desk.final = dict(table)
        twin = new_desk(PAPERS, day(), P)
        restore(twin, *unpack(pack(*dump(desk))))
        assert (twin.final, twin.wishes) == (table, desk.wishes)
    lines = {key: line for key, (_, line) in desk.written["wishes"].items()}
    dump(desk)
    assert all(desk.written["wishes"][key][1] is line for key, line in lines.items())
    assert lines


def test_another_version_or_mode_is_refused():
    plain, arrays = unpack(pack(*dump(busy_desk())))
    with pytest.raises(Corrupt, match="mode"):
        restore(new_desk(PAPERS, day(), P, is_outward=True), plain, arrays)
    for part, name in ((arrays, "final"), (plain, "orders")):
        held = part.pop(name)
        with pytest.raises(Corrupt, match="version"):
            restore(new_desk(PAPERS, day(), P), plain, arrays)
        part[name] = held


def test_another_watchlist_is_refused():
    with pytest.raises(Corrupt, match="watchlist"):
        restore(new_desk(PAPERS[:2], day(), P), *unpack(pack(*dump(busy_desk()))))


def test_pending_closes_are_counted():
    desk = new_desk(PAPERS, day(), P)
    desk.ledger.apply(Fill(1, "t1", "o1", "i1", "AAA", Side.BUY, 10, 100_00, "entry"))
    assert desk.pending_close_qty("AAA") == 0
    assert desk.open_symbols() == {"AAA"}
