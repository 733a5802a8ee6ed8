"""Level 4 against an account that misbehaves; against the simulator: tests/integration/run/test_lastcall.py."""

from __future__ import annotations

import itertools

import pytest

from pipeline.broker import lastresort
from pipeline.broker.lastresort import LastResort
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from pipeline.engine.protect import HANDS_OFF_MS
from pipeline.run.settings import load


class Account:
    """Orders and positions by paper; exits fill at once unless ``is_slow``. ``trouble`` is raised by the calls of these names, so often."""

    def __init__(self, orders=0, held=None, gtts=()):
        self.orders, self.positions, self.gtts = orders, dict(held or {}), list(gtts)
        self.off, self.calls, self.trouble, self.is_slow, self.exits = [], [], {}, False, 0

    def _note(self, name):
        self.calls.append(name)
        errors = self.trouble.get(name)
        if errors:
            raise errors.pop(0)

    def cancel_open(self):
        self._note("cancel")
        gone, self.orders = min(10, self.orders), max(0, self.orders - 10)
        return gone

    def exit_open(self):
        self._note("exit")
        chosen = list(self.positions)[:10]
        if self.is_slow:
            self.orders += len(chosen)
            self.exits += 1
        else:
            for key in chosen:
                del self.positions[key]
        return len(chosen)

    def working(self):
        self._note("working")
        return [{"instrument_token": "NSE_EQ|A", "status": "open"}] * self.orders

    def held(self):
        self._note("held")
        return [{"instrument_token": key, "quantity": qty} for key, qty in self.positions.items()]

    def waiting_gtts(self):
        return list(self.gtts)

    def cancel_gtt(self, gtt_id):
        self.gtts.remove(gtt_id)
        return gtt_id

    def kill(self, segment):
        self._note("kill")
        if any(key.startswith(segment) for key in self.positions):
            raise Refused("UDAPI1184")
        self.off.append(segment)

    def is_killed(self, segment):
        return segment in self.off


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(lastresort, "LOOK_S", 0.001)
    monkeypatch.setattr(lastresort, "SETTLE_S", 0.01)


def pull(account, budget_s=2.0):
    steps = []
    return LastResort(account, budget_s, steps.append).run(), steps


def test_it_cancels_exits_and_locks_in_this_order():
    account = Account(orders=23, held={f"NSE_EQ|{n}": n + 1 for n in range(14)} | {"NSE_FO|X": -50}, gtts=["GTT-1"])
    found, steps = pull(account)
    assert found.is_done
    assert (account.orders, account.positions, account.gtts) == (0, {}, [])
    assert found.locked == ("NSE_EQ", "NSE_FO"), "every segment in which something was held"
    assert 0 < found.last_order_ms <= found.flat_ms
    first = {name: account.calls.index(name) for name in ("cancel", "exit", "kill")}
    assert first["cancel"] < first["exit"] < first["kill"]
    assert [s.words for s in steps if s.is_bad] == []


def test_nothing_open_is_locked_at_once():
    found, _ = pull(Account())
    assert (found.is_done, found.last_order_ms, found.locked) == (True, 0, ("NSE_EQ",))


def test_answers_that_are_lost_or_refused_are_not_the_end():
    account = Account(orders=3, held={"NSE_EQ|A": 5})
    account.trouble = {
        "cancel": [Ambiguous("no answer"), Refused("a bad day")], "exit": [Ambiguous("no answer")], "working": [Ambiguous("x"), KeyError("status")],
        "held": [Refused("HTTP 429")], "kill": [Ambiguous("no answer")],
    }  # fmt: skip
    found, steps = pull(account)
    assert found.is_done
    assert any(s.is_bad for s in steps)


def test_an_exit_that_works_is_cancelled_before_the_next_goes():
    account = Account(held={"NSE_EQ|A": 5})
    account.is_slow = True
    found, _ = pull(account, 0.3)
    assert not found.is_flat
    assert account.exits > 1
    at = [n for n, name in enumerate(account.calls) if name == "exit"]
    assert all("cancel" in account.calls[a:b] for a, b in itertools.pairwise(at))
    assert account.orders <= 1, "never more than one exit at work"


def test_not_flat_in_time_is_said_and_nothing_is_locked():
    account = Account(held={"NSE_EQ|A": 5})
    account.trouble = {"exit": [Refused("UDAPI1113 market is closed")] * 10_000}
    found, steps = pull(account, 0.2)
    assert (found.is_done, found.is_flat, found.locked, account.off) == (False, False, (), [])
    assert "UDAPI1113" in found.left
    assert steps[-1].is_bad
    assert "telephone" in steps[-1].words
    assert len([s for s in steps if "UDAPI1113" in s.words]) == 2, "said once, and once more at the end"


def test_a_lock_that_is_refused_is_told():
    account = Account()
    account.trouble = {"kill": [Refused("UDAPI1186")] * 10_000}
    found, _ = pull(account, 0.1)
    assert (found.is_flat, found.is_done) == (True, False)
    assert "not locked: NSE_EQ (UDAPI1186)" in found.left


def test_a_dead_token_ends_it_at_once():
    account = Account()
    account.trouble = {"working": [Unauthorised("log in")]}
    with pytest.raises(Unauthorised):
        pull(account)


def test_our_own_orders_keep_their_hands_off_for_longer_than_it_takes():
    settings = load(environ={})
    assert settings.emergency.kill_s * 1000 + 2000 * lastresort.SETTLE_S < HANDS_OFF_MS
    with pytest.raises(Refused, match="kill_s"):
        load(environ={}, overrides={"emergency.kill_s": HANDS_OFF_MS / 1000})
