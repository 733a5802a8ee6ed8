"""A position is what the unique fills say, in whatever order and however often they come."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.types import Fill, Side
from pipeline.engine.portfolio import Ledger

FILLS = st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(1, 500), st.integers(1, 500_000), st.integers(0, 6)), max_size=25).map(
    lambda rows: [
        Fill(n, f"O{order}-{n}", f"O{order}", "i", ("AAA", "BBB")[order % 2], side, qty, px, "entry")
        for n, (side, qty, px, order) in enumerate(rows)
    ]
)
MARKS = {"AAA": 123_45, "BBB": 99_99}


def booked(fills):
    ledger = Ledger("2026-11-20")
    for fill in fills:
        ledger.apply(fill)
    for symbol, paise in MARKS.items():
        ledger.mark(symbol, paise, 1)
    return ledger


@given(FILLS, st.data())
def test_doubled_and_shuffled_fills_give_the_same_position(fills, data):
    doubled = fills + data.draw(st.lists(st.sampled_from(fills), max_size=10)) if fills else fills
    plain, mixed = booked(fills), booked(data.draw(st.permutations(doubled)))
    assert {s: h.qty for s, h in plain.holdings.items()} == {s: h.qty for s, h in mixed.holdings.items()}
    assert plain.net_paise == mixed.net_paise
    assert plain.charges_paise == mixed.charges_paise
    assert len(plain.trades) == len(mixed.trades) == len(fills)


@given(FILLS)
def test_realised_and_unrealised_add_up_to_cash_and_worth(fills):
    ledger = booked(fills)
    cash = -sum(f.side.sign * f.last_qty * f.last_paise for f in fills)
    worth = sum(f.side.sign * f.last_qty * MARKS[f.symbol] for f in fills)
    assert ledger.realised_paise + ledger.unrealised_paise == cash + worth
    for holding in ledger.holdings.values():
        assert (holding.qty == 0) == (holding.cost_paise == 0)
        assert holding.qty * holding.cost_paise >= 0


@given(FILLS)
def test_a_flat_account_has_realised_all_its_cash(fills):
    ledger = booked(fills)
    for symbol in ledger.open_symbols():
        qty = ledger.qty(symbol)
        closing = Fill(99, f"close-{symbol}", f"close-{symbol}", "i", symbol, Side.SELL if qty > 0 else Side.BUY, abs(qty), 100_01, "exit")
        ledger.apply(closing)
        fills = [*fills, closing]
    assert not ledger.open_symbols()
    assert all(h.cost_paise == 0 for h in ledger.holdings.values())
    assert ledger.realised_paise == -sum(f.side.sign * f.last_qty * f.last_paise for f in fills)


@given(FILLS, st.integers(0, 25))
def test_a_dump_at_any_point_goes_on_the_same(fills, cut):
    twin = Ledger("2026-11-20")
    first = Ledger("2026-11-20")
    for fill in fills[:cut]:
        first.apply(fill)
    twin.restore(json.loads(json.dumps(first.dump())))
    for fill in fills[cut:]:
        twin.apply(fill)
    assert twin.minute(1) == booked_without_marks(fills).minute(1)


def booked_without_marks(fills):
    ledger = Ledger("2026-11-20")
    for fill in fills:
        ledger.apply(fill)
    return ledger
