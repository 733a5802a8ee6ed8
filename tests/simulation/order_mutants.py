"""The order manager with one rule taken away at a time: a simulation that does not notice is no evidence.

Each mutant names the rule (sections 5.2 and 5.3 of the reliability file, and what of section 6 belongs to the order manager), takes it out
of the running code, and plays seeds until a verdict falls. The pre-trade checks are taken out one by one too, against their own tests.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from pipeline.core.broker import Answer, Ask, Word
from pipeline.core.errors import Corrupt
from pipeline.core.types import Side
from pipeline.engine import asking, books, exits, gtts, guard, lifecycle, orders, outward, protect, refusals, risk
from pipeline.engine.desk import Desk
from pipeline.engine.lifecycle import Status, is_over_fill
from pipeline.engine.portfolio import Ledger
from tests.simulation.order_broker import CLEAN, Rates
from tests.simulation.order_session import SOUND, Session

MOST_SEEDS = 600
FORGETFUL = replace(CLEAN, gtt_lost=0.8)
DEAF = replace(FORGETFUL, refused=0.3)
CHECK_TESTS = ("tests/unit/engine/test_risk.py",)
_take, _lose, _reason, _exit_reason = orders.take, outward._lose, protect._reason, exits.exit_reason


@dataclass(frozen=True, slots=True)
class Mutant:
    rule: str
    patches: tuple[tuple[Any, str, Any], ...]
    rates: Rates | None = None
    """Those of the seed, where none are given."""

    def caught_by(self) -> tuple[int, str] | None:
        """Give the first seed that notices, and what it says; None when none of them does."""
        with ExitStack() as stack:
            for where, name, what in self.patches:
                stack.enter_context(mock.patch.object(where, name, what))
            for seed in range(MOST_SEEDS):
                violations = Session(seed, self.rates).run().violations
                if violations:
                    return seed, violations[0]
        return None


def _nothing(*_: Any, **__: Any) -> Iterator[Any]:
    return iter(())


def _counted() -> Callable[[str], str]:
    numbers = itertools.count()
    return lambda cause: f"{next(numbers):016x}"


def _resend(desk: Desk, order: Any, now: int, reason: str) -> Iterator[Any]:
    yield from _lose(desk, order, now, reason)
    yield from asking.ask(desk, asking.about(desk.orders[order.intent_id], Ask.PLACE, now), now)


def _doubt_is_refusal(desk: Desk, report: Any, now: int) -> Iterator[Any]:
    return _take(desk, replace(report, answer=Answer.REFUSED) if report.answer is Answer.AMBIGUOUS else report, now)


def _without(*answers: Answer) -> Callable[..., Iterator[Any]]:
    return lambda desk, report, now: _nothing() if report.answer in answers else _take(desk, report, now)


def _checks_without(*names: str) -> tuple[Any, ...]:
    return tuple(check for check in risk.CHECKS if check.code not in names)


def _all_is_well(desk: Desk, now: int) -> Any:
    """Take whatever was looked up for sound."""
    told, desk.facts = desk.facts, replace(SOUND, ts=now)
    try:
        return _conditions_of(desk, now)
    finally:
        desk.facts = told


def _no_flatten(desk: Desk, plan: Any, now: int) -> str:
    reason = _reason(desk, plan, now)
    return "" if reason == "flatten" else reason


def _no_square_off(plan: Any, quote: Any, now: int) -> str:
    reason = _exit_reason(plan, quote, now)
    return "" if reason == exits.SQUARE_OFF else reason


def _every_trade_is_new(ledger: Ledger, fill: Any) -> bool:
    ledger.trades.pop(fill.trade_id, None)
    return _apply(ledger, fill)


def _wandering(side: Side, stop_paise: int, _best_paise: int, *, away_paise: int, tick_paise: int) -> int:
    return stop_paise - side.sign * (4 * tick_paise if away_paise > 0 else 0)


def _deaf_to(*words: Word) -> Callable[[str, Word], str]:
    return lambda before, said: before if said in words else _holding(before, said)


def _newest(before: str, said: Word) -> str:
    return "" if said is Word.RESUME else said.value


def _forget_word(desk: Desk, now: int) -> Iterator[Any]:
    desk.word = ""
    yield from _restart(desk, now)


def _still_under(word: Word) -> Callable[[Desk, int], Iterator[Any]]:
    return lambda desk, now: _nothing() if desk.word == word else _steer(desk, now)


def _cancel_under_any(desk: Desk, now: int) -> Iterator[Any]:
    before, desk.word = desk.word, Word.HALT.value if desk.word else ""
    yield from _time_out(desk, now)
    desk.word = before


def _triggered_is_well(exits_: Any, reason: str, *, is_late: bool) -> bool:
    """Leave a stop that has triggered alone, however long it rests."""
    stops = [o for o in exits_ if o.order_type in exits.STOP_TYPES and o.told == "open"]
    return bool(reason == exits.STOP and stops) or _is_doing(exits_, reason, is_late=is_late)


def _strict_fill(order: Any, qty: int, px_paise: int) -> Any:
    if is_over_fill(order, qty):
        raise Corrupt("more has filled than was asked for")
    return _fill(order, qty, px_paise)


def _first_kill_only(desk: Desk, control: Any, now: int) -> Iterator[Any]:
    word, since = desk.word, desk.word_ms
    yield from _on_control(desk, control, now)
    if desk.word == word:
        desk.word_ms = since


_is_doing, _fill, _on_control = guard.is_doing, lifecycle.fill, orders.on_control
_holding, _restart, _steer, _time_out = orders.holding, outward._restart, orders.steer, orders._time_out
_apply = Ledger.apply
_conditions_of = orders.conditions_of
_plain_held = Desk.held

MUTANTS = (
    Mutant("5.2.1 the same cause has the same identity", ((orders, "identity", _counted()),)),
    Mutant("5.2.2 SENDING is durable before the request leaves", ((Session, "acts_first", True),)),
    Mutant("5.2.3 one POST for an intent, ever", ((outward, "_lose", _resend),)),
    Mutant("5.2.4 no answer is no refusal", ((orders, "take", _doubt_is_refusal),)),
    Mutant("5.2.5 absence proves nothing until the book has aged", ((books, "_is_absent", lambda *_: True),)),
    Mutant("5.2.5 an unknown is resolved by the book", ((orders, "take", _without(Answer.ROW)),)),
    Mutant(
        "5.2.6 no entry in a paper with an unknown",
        ((risk, "CHECKS", _checks_without("unknown_in_symbol", "symbol_busy", "repeat", "min_gap")),),
    ),
    Mutant("5.2.7 orders of ours that we do not know are adopted", ((books, "_adopt", _nothing),)),
    Mutant("5.3.0 the stop lies at the broker", ((protect, "_guard", _nothing),)),
    Mutant("5.3.0 the stop's quantity follows the position", ((protect, "modify", _nothing),)),
    Mutant("5.3.0 a stop that follows the price never goes back", ((guard, "trailed", _wandering),)),
    Mutant("5.3.1 what a server sends is an exit of ours", ((gtts, "_know", _nothing),)),
    Mutant("5.3.0 a server that forgets its GTT is replaced", ((protect, "silent_ms", lambda *_: 0),), FORGETFUL),
    Mutant("5.3.0 a server that has lost its stop is replaced", ((protect, "is_server_wrong", lambda *_: False),), FORGETFUL),
    Mutant("5.3.1 a server that is silent is told to stop first", ((protect, "presumed", lambda *_: None),), FORGETFUL),
    Mutant("5.3.1 a server that refuses once may still be there", ((outward, "is_server_gone", lambda *_, **__: True),), DEAF),
    Mutant("5.3.1 what is open in the paper is cancelled first", ((protect, "cancel", _nothing),)),
    Mutant("5.3.1 the book has said so before anything is sent", ((protect, "_is_busy", lambda *_: False),)),
    Mutant(
        "5.3.1 no more is closed than the broker holds",
        ((protect, "_closable", lambda _desk, _symbol, held: abs(held)), (Desk, "ours", _plain_held)),
    ),
    Mutant(
        "5.3.2 an exit without an answer is not repeated",
        ((protect, "_is_busy", lambda desk, symbol: any(o.status is not Status.UNKNOWN for o in desk.exits(symbol))),),
    ),
    Mutant("5.3.0 a stop that has triggered and rests is no stop", ((protect, "is_doing", _triggered_is_well),)),
    Mutant("5.3.0 a stop that is refused for ever ends in flat", ((protect, "is_unguarded", lambda *_: False),)),
    Mutant("5.3.1 a closing order that rests is taken away", ((protect, "_is_stuck", lambda *_: False),)),
    Mutant("5.3.1 a stop that cannot be cancelled closes", ((protect, "_turn", _nothing),)),
    Mutant("5.3.3 an exit by tag closes no more than is held", ((protect, "_is_exact", lambda *_: True),)),
    Mutant("5.2.4 what no repetition mends halts", ((refusals, "HOPELESS", {}),)),
    Mutant("5.2   a fill beyond what we know is booked", ((books, "fill", _strict_fill),)),
    Mutant("6.1   a second KILL by hand renews hands-off", ((orders, "on_control", _first_kill_only),)),
    Mutant("5.3.3 the broker exits what our orders cannot", ((protect, "_exit_all", _nothing),)),
    Mutant("5.3   a position that is gone takes its stop with it", ((protect, "_clear", _nothing),)),
    Mutant("5.3   square-off by the clock", ((protect, "exit_reason", _no_square_off),)),
    Mutant("5.3.4 flatten closes everything", ((protect, "_reason", _no_flatten),)),
    Mutant(
        "6.1   no entry under an emergency word",
        ((risk, "CHECKS", _checks_without("halted", "reducing")),),
    ),
    Mutant("6.1   PAUSE stops entries", ((orders, "holding", _deaf_to(Word.PAUSE)),)),
    Mutant("6.1   PAUSE lets exits go on", ((orders, "steer", _still_under(Word.PAUSE)),)),
    Mutant("6.1   HALT leaves exits alone", ((orders, "steer", _still_under(Word.HALT)),)),
    Mutant("6.1   PAUSE lets what works go on", ((orders, "_time_out", _cancel_under_any),)),
    Mutant("6.1   a milder word loosens nothing", ((orders, "holding", _newest),)),
    Mutant("6.1   a word survives a restart", ((outward, "_restart", _forget_word),)),
    Mutant("6.1   RESUME lifts the word", ((orders, "holding", _deaf_to(Word.RESUME)),)),
    Mutant("6.1   the kill file is looked at before an order leaves", ((Session, "has_kill_file", False),)),
    Mutant("6.1   while the broker itself closes everything, hands off", ((protect, "HANDS_OFF_MS", 0),)),
    Mutant("6.1   an emergency word cancels the entries that work", ((orders, "_time_out", _nothing),)),
    Mutant("6.3   token, versions, clock, instruments, funds are sound", ((orders, "conditions_of", _all_is_well),)),
    Mutant("6.4   no entry on a stale quote", ((risk, "CHECKS", _checks_without("stale_quote", "stale_feed")),)),
    Mutant(
        "6.5   no entry before the books agree",
        ((risk, "CHECKS", _checks_without("not_reconciled", "book_not_settled")),),
    ),
    Mutant("3.5   a trade is booked once", ((Ledger, "apply", _every_trade_is_new), (orders, "is_old", lambda *_: False))),
    Mutant("3.5   trades are read from the broker's trade book", ((orders, "take", _without(Answer.TRADE)),)),
    Mutant("4.2   a start asks the book before anything else", ((outward, "_restart", _nothing),)),
)


def check_all(say: Callable[[str], None]) -> bool:
    """Play every mutant, and take every pre-trade check out of its tests; tell whether all were noticed."""
    missed = 0
    for mutant in MUTANTS:
        found = mutant.caught_by()
        missed += found is None
        say(f"{'MISSED' if found is None else 'caught'}  {mutant.rule:<58} {'' if found is None else f'seed {found[0]}: {found[1]}'}")
    for check in risk.CHECKS:
        is_caught = blind_check_is_caught(check.code)
        missed += not is_caught
        say(f"{'caught' if is_caught else 'MISSED'}  6     pre-trade check {check.code:<42} its own tests")
    say(f"{len(MUTANTS) + len(risk.CHECKS)} mutants, {missed} missed")
    return missed == 0


def blind_check_is_caught(name: str) -> bool:
    """Run the tests of the pre-trade checks with one check gone; they must fail."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.simulation.order_blind", *CHECK_TESTS]
    done = subprocess.run(command, env={**os.environ, "TICKTICK_BLIND": name}, capture_output=True, check=False)
    return done.returncode == 1
