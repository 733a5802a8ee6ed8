"""The order manager: recommendations, answers, quotes, the broker's reports and commands in; the journal and requests out.

Reads   TickBatch, Recommendation, Confirmation, BrokerReport, Control, each with the event time at which it counts
Writes  Confirmation (the headless policy's), OrderIntent, Denial, OrderEvent, Fill, OrderRequest, Alert, in the order of the journal

The rules, by number (reliability file, sections 5.2 and 5.3):

1. An intent's id names its cause. A cause is acted on once, whatever comes twice.
2. The intent, then SENDING, then the request are written before the broker hears of the order.
3. The first answer to a recommendation wins; the rest change nothing. Silence is a denial with a reason.
4. Every entry passes all checks of engine/risk.py on the live quote at the moment of its answer: that is the only place that stops one.
5. No position without a plan: stop, target and the latest hour are set by its first fill (engine/books.py).
6. Exits aim at zero, need no answer and can never reverse (engine/protect.py).

Never asks a clock, never sends twice, never drops a fill.
"""

from __future__ import annotations

from itertools import chain

from pipeline.core.broker import GTT, SINGLE, Answer, BrokerReport, Control, Facts, Leg, Word, holding
from pipeline.core.types import MINUTE_MS, Confirmation, OrderEvent, OrderIntent, Recommendation, TickBatch
from pipeline.engine.asking import Journal, cancel
from pipeline.engine.books import is_old
from pipeline.engine.desk import Desk
from pipeline.engine.exits import SQUARE_OFF
from pipeline.engine.facts import conditions_of, gate_of
from pipeline.engine.gtts import is_for_server
from pipeline.engine.identity import changed, entry_cause, identity, tag_of
from pipeline.engine.inhouse import reports
from pipeline.engine.lifecycle import Event, advance, event_of
from pipeline.engine.outward import chase, take
from pipeline.engine.protect import may_cancel, order_of, send, steer
from pipeline.engine.risk import deny
from pipeline.engine.single import BY_COMMAND, take_single
from pipeline.engine.sizing import entry_qty, worst_loss_paise
from pipeline.engine.tally import tally

PARTS = frozenset({Answer.ROW, Answer.TRADE, Answer.POSITION})
SILENT = frozenset({Answer.BEAT, Answer.END})
"""Not kept for the record."""
NOTHING: Journal = iter(())
MAX_EARLY = 256
"""Answers kept for recommendations not read yet: foreign input must not grow our state without bound."""


def on_ticks(desk: Desk, batch: TickBatch, now: int) -> Journal:
    """Take a frame: match resting orders, guard positions, let timers speak."""
    desk.quotes.take(batch)
    if now // MINUTE_MS != desk.minute:
        desk.minute = now // MINUTE_MS
        tally(desk)
    if desk.venue is not None and desk.orders:
        _match(desk, now)
    yield from _go_on(desk, now)
    if desk.pending:
        yield from _answer_or_expire(desk, now)
        yield from _go_on(desk, now)


def on_report(desk: Desk, report: BrokerReport, now: int) -> Journal:
    """Take what the broker said, keep what is new of it for the record, and do what follows."""
    kind = report.answer
    if kind not in PARTS or not report.request_id:
        return _take_report(desk, report, now)
    # A piece of a listing: its end is when to act.
    if not is_old(desk, report):
        return chain((report,), take(desk, report, now))
    return take(desk, report, now) if kind is Answer.POSITION or report.leg is Leg.WATCH else NOTHING


def _take_report(desk: Desk, report: BrokerReport, now: int) -> Journal:
    if report.answer not in SILENT:
        yield report
    yield from take(desk, report, now)
    yield from _go_on(desk, now)


def on_facts(desk: Desk, facts: Facts, now: int) -> None:
    """Take what was looked up for the checks; it counts from now on."""
    desk.facts = changed(facts, ts=now)


def on_control(desk: Desk, control: Control, now: int) -> Journal:
    """Obey a person: entries stop at once, what works is cancelled or closed; it holds until it is lifted. Single commands hold nothing."""
    if control.word in SINGLE:
        yield from take_single(desk, control, now)
        yield from _go_on(desk, now)
        return
    said = Word.FLATTEN if control.word is Word.KILL and desk.venue is not None else control.word  # on paper we are the broker
    before, desk.word = desk.word, holding(desk.word, said)
    if not desk.word:
        return
    is_pulled_again = said is Word.KILL and control.source != "file"  # the file's word is repeated as long as the file is there
    if desk.word != before or is_pulled_again:
        desk.word_ms = now
    for recommendation in list(desk.pending.values()):
        yield _settle_denied(desk, recommendation, now, "reducing" if desk.word == Word.PAUSE else "halted")
    yield from _go_on(desk, now)


def on_recommendation(desk: Desk, recommendation: Recommendation, now: int) -> Journal:
    """Put a proposal before the user (rule 3), or act on an answer that came first."""
    key = recommendation.id
    if key in desk.settled or key in desk.pending:
        return
    desk.pending[key] = recommendation
    early = desk.early.pop(key, None)
    if early is not None:
        yield from on_answer(desk, early, now)


def on_answer(desk: Desk, answer: Confirmation, now: int) -> Journal:
    """Act on the first answer to a recommendation; anything but a clear yes is a no."""
    yield from _take_answer(desk, answer, now)
    yield from _go_on(desk, now)


def on_end(desk: Desk, now: int) -> Journal:
    """End of input: deny what waits; on paper, cancel what rests (at a broker outside, stops must outlive us)."""
    for recommendation in list(desk.pending.values()):
        yield _settle_denied(desk, recommendation, now, "session_over")
    if desk.venue is not None:
        for order in list(desk.orders.values()):
            yield from cancel(desk, order, now, "session_over")
            yield from _drain(desk, now)


def _go_on(desk: Desk, now: int) -> Journal:
    """Do what the state asks for, until nothing is left to do: on paper each request is answered at once."""
    if desk.inbox:
        yield from _drain(desk, now)
    if not desk.orders and not desk.plans and desk.venue is not None:
        return
    while True:
        if desk.orders:
            yield from _time_out(desk, now)
        yield from steer(desk, now)
        if not desk.inbox:
            break
        yield from _drain(desk, now)
    if desk.venue is None:
        yield from chase(desk, now)


def _drain(desk: Desk, now: int) -> Journal:
    while desk.inbox:
        yield from take(desk, desk.inbox.popleft(), now)


def _match(desk: Desk, now: int) -> None:
    """Show the paper venue the new quotes of the papers in which something rests."""
    venue = desk.venue
    for symbol in list(dict.fromkeys(order.symbol for order in desk.orders.values())):
        sid = desk.papers[symbol].instrument.sid
        if venue is None or not desk.quotes.is_touched(sid) or not desk.is_open(symbol, now):
            continue
        quote = desk.quotes.quote(sid)
        if quote is not None:
            desk.inbox.extend(reports(venue, venue.on_quote(symbol, quote, now)))


def _take_answer(desk: Desk, answer: Confirmation, now: int) -> Journal:
    key = answer.recommendation_id
    if key in desk.settled:
        return
    recommendation = desk.pending.pop(key, None)
    if recommendation is None:
        if len(desk.early) < MAX_EARLY:
            desk.early.setdefault(key, answer)
        return
    desk.settled[key] = None
    intent = entry_intent(desk, recommendation, now)
    if answer.answer != "confirm":
        yield _denied(intent, now, "rejected")
        return
    yield intent
    denial = deny(gate_of(desk, intent, recommendation, conditions_of(desk, now), now))
    if denial is not None:
        yield denial
        yield _denied(intent, now, denial.code)
    else:
        desk.wishes[intent.id] = intent
        yield from send(desk, intent, now, intent.stop_paise if intent.order_type == GTT else 0)


def entry_intent(desk: Desk, r: Recommendation, now: int) -> OrderIntent:
    """Size a recommendation: the order as it would be sent."""
    instrument = desk.paper(r.symbol).instrument
    qty = entry_qty(r.limit_paise, r.stop_paise, instrument, desk.params.risk)
    cause = entry_cause(r.strategy, r.symbol, r.timeframe, r.ts_candle, r.side)
    key = identity(cause)
    return OrderIntent(
        ts=now,
        id=key,
        cause=cause,
        symbol=r.symbol,
        side=r.side,
        purpose="entry",
        order_type=GTT if is_for_server(desk, r.symbol) else "LIMIT",
        qty=qty,
        limit_paise=r.limit_paise,
        stop_paise=r.stop_paise,
        target_paise=r.target_paise,
        worst_loss_paise=worst_loss_paise(qty, r.limit_paise, r.stop_paise),
        tag=tag_of(key),
        reason=r.id,
        trail_paise=r.trail_paise,
    )


def _time_out(desk: Desk, now: int) -> Journal:
    """Cancel entries that did not fill in time, those that square-off finds, and all of them under a word stronger than PAUSE."""
    limit = desk.params.orders.entry_timeout_s * 1000
    for order in [o for o in desk.orders.values() if o.purpose == "entry" and may_cancel(o)]:
        if desk.word and desk.word != Word.PAUSE:
            yield from cancel(desk, order, now, "halted")
        elif order.intent_id in desk.unwanted:
            yield from cancel(desk, order, now, BY_COMMAND)
        elif now - order.created_ms >= limit:
            yield from cancel(desk, order, now, "entry_timeout")
        elif now >= desk.papers[order.symbol].square_off_ms:
            yield from cancel(desk, order, now, SQUARE_OFF)


def _answer_or_expire(desk: Desk, now: int) -> Journal:
    """Deny what nobody answered in time; in headless runs, say yes after the stated delay."""
    policy = desk.params.orders
    for recommendation in list(desk.pending.values()):
        if now > recommendation.expires_ms:
            yield _settle_denied(desk, recommendation, now, "expired")
        elif policy.confirm == "auto" and now >= recommendation.ts + policy.auto_delay_ms:
            answer = Confirmation(now, recommendation.id, "confirm", "auto")
            yield answer
            yield from _take_answer(desk, answer, now)


def _denied(intent: OrderIntent, now: int, reason: str) -> OrderEvent:
    return event_of(advance(order_of(intent, now), Event.DENY), now, reason)


def _settle_denied(desk: Desk, recommendation: Recommendation, now: int, reason: str) -> OrderEvent:
    del desk.pending[recommendation.id]
    desk.settled[recommendation.id] = None
    return _denied(entry_intent(desk, recommendation, now), now, reason)
