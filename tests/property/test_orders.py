"""The order manager over random sessions: quotes, proposals and answers in any order, twice, or never."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import Confirmation, Fill, OrderEvent, OrderIntent, Recommendation, Side, TickBatch
from pipeline.engine.desk import dump, new_desk, restore
from pipeline.engine.orders import on_answer, on_end, on_recommendation, on_ticks
from tests.fakes.trading import PAPERS, at, day, frame, params, recommendation

SYMBOLS = [p.symbol for p in PAPERS[:3]]
ROW = st.tuples(st.integers(0, 2), st.integers(-40, 40), st.integers(0, 3), st.integers(0, 700))
TRADE = st.tuples(st.integers(0, 2), st.sampled_from(list(Side)), st.integers(0, 700), st.sampled_from(["confirm", "confirm", "reject"]))
STEP = st.one_of(
    st.tuples(st.just("trade"), TRADE),
    st.tuples(st.just("trip"), st.tuples(st.integers(0, 2), st.sampled_from([-3.0, 3.0]), st.integers(1, 4), st.integers(0, 700))),
    st.tuples(st.just("tick"), st.lists(ROW, min_size=1, max_size=3)),
    st.tuples(st.just("tick"), st.lists(ROW, min_size=1, max_size=3)),
    st.tuples(st.just("answer"), st.tuples(st.integers(0, 6), st.sampled_from(["confirm", "reject"]))),
    st.tuples(st.just("wait"), st.sampled_from([1_000, 5_000, 61_000, 600_000, 1_900_000])),
)
SESSION = st.tuples(
    st.lists(STEP, min_size=1, max_size=40),
    st.sampled_from(["ask", "auto"]),
    st.sampled_from([0, 300]),
    st.sampled_from([0.0, 5.0]),
    st.sampled_from(["stop", "pair"]),
)


def records_of(steps, start):
    """Turn drawn steps into records with rising event times. A trade is a calm quote, a proposal, an answer."""
    now, wishes, out = at(start), [], []
    for kind, what in steps:
        now += 200
        if kind == "wait":
            now += what
        elif kind == "tick":
            rows = [(sid, 100 + 0.05 * move, 100 + 0.05 * (move + 1 + wide), qty, qty) for sid, move, wide, qty in what]
            out.append(frame(now, *rows))
        elif kind == "trade":
            sid, side, qty, word = what
            wishes.append(recommendation(SYMBOLS[sid], now, side, trail_paise=(0, 60)[qty % 2]))
            out += [frame(now, (sid, 99.95, 100.05, qty, qty)), wishes[-1], Confirmation(now + 1, wishes[-1].id, word, "page")]
        elif kind == "trip":
            sid, jump, times, qty = what
            out += [frame(now + n, (sid, 99.95 + jump, 100.05 + jump, qty, qty)) for n in range(0, 100 * times, 100)]
            now += 100 * times
        elif wishes:
            out.append(Confirmation(now, wishes[what[0] % len(wishes)].id, what[1], "page"))
    return out


def feed(desk, record):
    if isinstance(record, TickBatch):
        return list(on_ticks(desk, record, record.ts))
    if isinstance(record, Recommendation):
        return list(on_recommendation(desk, record, record.ts))
    return list(on_answer(desk, record, record.ts))


def make(confirm, latency, slippage, exits):
    limits = {"min_gap_s": 1, "max_orders_per_minute": 100, "exits": exits, "near_bps": 20.0, "trail_every_s": 1.0}
    return new_desk(PAPERS, day(), params(confirm=confirm, paper_latency_ms=latency, slippage_bps=slippage, **limits))


@given(SESSION, st.sampled_from(["10:00", "14:58", "15:03:30"]))
def test_what_must_never_happen_never_does(session, start):
    steps, *how = session
    desk, held, live = make(*how), Counter(), {}
    sent, trades, order_sums, answered = set(), set(), {}, Counter()
    records = records_of(steps, start)
    outputs = [out for record in records for out in feed(desk, record)]
    outputs += list(on_end(desk, records[-1].ts if records else at(start)))
    intents = {}
    for out in outputs:
        if isinstance(out, OrderIntent):
            intents[out.id] = out
            if out.purpose != "entry":
                assert out.qty <= abs(held[out.symbol]), "an exit is never more than what is held"
                assert out.side.sign * held[out.symbol] < 0
            if out.purpose == "exit":
                assert out.symbol not in live.values(), "what may still open is cancelled first"
        elif isinstance(out, OrderEvent):
            assert out.intent_id in intents or out.status == "DENIED", "journalled first"
            assert out.cum_qty + out.leaves_qty == out.order_qty or out.leaves_qty == 0
            if out.purpose == "entry":
                live |= {out.intent_id: out.symbol}
                if out.leaves_qty == 0 or out.status == "DENIED":
                    del live[out.intent_id]
            if out.status == "SENDING":
                assert out.intent_id not in sent, "sent at most once"
                sent.add(out.intent_id)
            if out.status in {"SENDING", "DENIED"} and out.purpose == "entry":
                answered[out.intent_id] += 1
        elif isinstance(out, Fill):
            assert out.trade_id not in trades
            assert out.intent_id in sent
            trades.add(out.trade_id)
            before = held[out.symbol]
            held[out.symbol] += out.side.sign * out.last_qty
            order_sums[out.intent_id] = order_sums.get(out.intent_id, 0) + out.last_qty
            limit = intents[out.intent_id].limit_paise
            assert limit == 0 or (out.last_paise - limit) * out.side.sign <= 0, "limit violated"
            assert out.purpose == "entry" or abs(held[out.symbol]) < abs(before), "an exit shrinks"
            assert before * held[out.symbol] >= 0, "nothing reverses a position"
    assert all(order_sums[key] <= intents[key].qty for key in order_sums if intents[key].purpose != "stop"), "a stop's total follows"
    assert all(count == 1 for count in answered.values()), "one answer, one outcome"
    assert all(desk.ledger.qty(symbol) == held[symbol] for symbol in SYMBOLS)
    assert all(plan.stop_paise > 0 for plan in desk.plans.values())
    assert {s for s in SYMBOLS if held[s] != 0} == set(desk.plans), "no position without a plan"
    assert not desk.pending
    assert not desk.orders
    assert len(set(desk.ledger.open_symbols())) <= 3


@given(SESSION, st.integers(0, 50))
def test_a_dump_at_any_point_equals_the_unbroken_run(session, cut):
    steps, *how = session
    records = records_of(steps, "10:00")
    desk = make(*how)
    whole = [feed(desk, record) for record in records]
    first, twin = make(*how), make(*how)
    for record in records[:cut]:
        feed(first, record)
    restore(twin, *unpack(pack(*dump(first))))
    assert [feed(twin, record) for record in records[cut:]] == whole[cut:]
    assert pack(*dump(twin)) == pack(*dump(desk))


@given(SESSION, st.integers(1, 4))
def test_every_record_twice_sends_nothing_twice(session, late):
    steps, *how = session
    records = records_of(steps, "10:00")
    desk, outputs = make(*how), []
    for at_, record in enumerate(records):
        again = [r for r in records[max(0, at_ - late) : at_ + 1] if not isinstance(r, TickBatch)]
        outputs += [out for r in (record, *again) for out in feed(desk, r)]
    sent = [out.intent_id for out in outputs if isinstance(out, OrderEvent) and out.status == "SENDING"]
    assert len(sent) == len(set(sent))
    outcomes = Counter(
        o.intent_id for o in outputs if isinstance(o, OrderEvent) and o.status in {"SENDING", "DENIED"} and o.purpose == "entry"
    )
    assert all(count == 1 for count in outcomes.values()), "one answer, one outcome"
