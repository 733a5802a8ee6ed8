"""What is told late, or again, is as if the right candles had come at once: values, states and what is saved, to the last bit.

A session of some slots: days of history, then a day whose candles come with holes and wrong figures, which later waves fill and put
right, in any order, several at a time. Beside it a bank that saw only the right candles.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.registry import INDICATORS
from pipeline.core.session import DAY_MS
from pipeline.indicators.bank import LANES, Bank
from pipeline.patterns.day import Day
from pipeline.run.discovery import discover
from tests.fakes.bars import candles

discover()
PER_DAY = 45
FEW = max(10, settings().max_examples // 4)


@dataclass
class Session:
    """Rows by slot and minute of the day, and the waves that tell them: pairs of slots and rows."""

    slots: np.ndarray
    since: int
    history: tuple[np.ndarray, np.ndarray]
    right: np.ndarray
    waves: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)


def session(seed: int, minutes: int, wrong: float, days: int, slots: int = 5, room: int = LANES + 30) -> Session:
    rng = np.random.default_rng(seed)
    mine = np.sort(rng.choice(room, slots, replace=False))
    walks = np.stack([candles((days + 1) * PER_DAY, seed=seed + k, per_day=PER_DAY) for k in range(slots)])
    past, right = walks[:, : days * PER_DAY], walks[:, days * PER_DAY :][:, :minutes]
    since = int(right["ts"].min()) - int(right["ts"].min() + 19_800_000) % DAY_MS
    out = Session(mine, since, (np.tile(mine, past.shape[1]), past.T.reshape(-1)), right)
    owed: list[tuple[int, int]] = []
    for t in range(minutes):
        now, kind = [], rng.random(slots)
        for k in range(slots):
            row = right[k, t : t + 1].copy()
            if kind[k] < wrong:
                owed.append((k, t))
                if kind[k] < wrong / 2:
                    continue  # not told at all
                row["close"], row["volume"] = row["low"], row["volume"] // 2 + 1
            now.append((k, row))
        if now:
            out.waves.append((mine[[k for k, _ in now]], np.concatenate([row for _, row in now])))
        if owed and rng.random() < 0.2:
            rng.shuffle(owed)
            count = int(rng.integers(1, len(owed) + 1))
            told, owed = owed[:count], owed[count:]
            out.waves.append((mine[[k for k, _ in told]], np.concatenate([right[k, t : t + 1] for k, t in told])))
    if owed:
        out.waves.append((mine[[k for k, _ in owed]], np.concatenate([right[k, t : t + 1] for k, t in owed])))
    return out


def rightly(s: Session) -> tuple[np.ndarray, np.ndarray]:
    """Every candle of the day once, minute by minute."""
    return np.tile(s.slots, s.right.shape[1]), s.right.T.reshape(-1)


WAYS = (st.integers(0, 2**31), st.integers(1, PER_DAY), st.sampled_from([0.05, 0.3, 0.8]), st.integers(0, 3))
sessions = st.builds(session, *WAYS)
narrow = st.builds(session, *WAYS, slots=st.just(3), room=st.just(4))


@given(s=sessions, cut=st.floats(0, 1))
@settings(max_examples=max(10, FEW // 2))
def test_a_bank_that_was_put_right_is_one_that_was_told_right(s, cut):
    """State, newest candle, saved bytes; also of one that was saved and loaded on the way."""
    bank, cold, broken = (Bank(LANES + 40, since=s.since) for _ in range(3))
    bank.step(*s.history)
    past = bank.dump()
    for one in (cold, broken):
        one.load(past)
    for at, (slots, rows) in enumerate(s.waves):
        got = bank.step(slots, rows)
        if at == int(cut * len(s.waves)):
            saved = broken.dump()
            broken = Bank(LANES + 40, since=s.since)
            broken.load(saved)
            assert broken.dump() == saved
        same = broken.step(slots, rows)
        assert [x.tobytes() for x in got] == [x.tobytes() for x in same]
    cold.step(*rightly(s))
    assert bank.states.tobytes() == cold.states.tobytes() == broken.states.tobytes()
    assert (bank.refused, bank.last.tolist(), bank.newest.tobytes()) == (0, cold.last.tolist(), cold.newest.tobytes())
    assert bank.dump() == cold.dump() == broken.dump()


@given(s=narrow)
@settings(max_examples=FEW)
def test_rows_have_the_values_of_their_place(s):
    """After each wave: what it told, and what it changed of candles before, is as a bank says that is told all there is by then, in order."""
    bank = Bank(4, since=s.since)
    bank.step(*s.history)
    known: dict[tuple[int, int], np.ndarray] = {}
    for slots, rows in s.waves:
        values, warm = bank.step(slots, rows)
        known |= {(int(slot), int(row["ts"])): row for slot, row in zip(slots, rows, strict=True)}
        order = sorted(known, key=lambda key: (key[1], key[0]))
        cold = Bank(4, since=s.since)
        cold.step(*s.history)
        expected, is_warm = cold.step(np.array([slot for slot, _ in order]), np.array([known[key] for key in order], rows.dtype))
        place = {key: at for at, key in enumerate(order)}
        at = [place[int(slot), int(ts)] for slot, ts in zip(slots, rows["ts"], strict=True)]
        assert (values.tobytes(), warm.tobytes()) == (expected[at].tobytes(), is_warm[at].tobytes())
        again = bank.again
        assert (again is not None) == (not bank.taken.all())
        if again is not None:
            at = [place[int(slot), int(ts)] for slot, ts in zip(again.slots, again.ts, strict=True)]
            assert (again.values.tobytes(), again.warm.tobytes()) == (expected[at].tobytes(), is_warm[at].tobytes())
            late = {int(slot): int(rows["ts"][~bank.taken & (slots == slot)].min()) for slot in slots[~bank.taken]}
            assert [(int(x), int(t)) for x, t in zip(again.slots, again.ts, strict=True)] == sorted(
                key for key in known if key[0] in late and key[1] >= late[key[0]]
            )


@given(s=sessions, cut=st.floats(0, 1))
@settings(max_examples=FEW)
def test_patterns_and_their_record_that_were_put_right_are_those_told_right(s, cut):
    """State, record, saved bytes, and what is found in each place; also of one that was saved and loaded on the way."""
    day, cold, broken = (Day(LANES + 40, s.since) for _ in range(3))
    for one in (day, cold, broken):
        one.step(*s.history)
    for at, (slots, rows) in enumerate(s.waves):
        got = day.step(slots, rows)
        if at == int(cut * len(s.waves)):
            saved = broken.dump()
            broken = Day(LANES + 40, s.since)
            broken.load(saved)
            assert broken.dump() == saved
        assert got.tolist() == broken.step(slots, rows).tolist()
    slots, rows = rightly(s)
    expected = cold.step(slots, rows)
    assert day.scan.refused == 0
    assert day.dump() == cold.dump() == broken.dump()
    for one in (day, broken):
        mine, theirs = ((*x.scan.arrays(), *x.tally.arrays()) for x in (one, cold))
        assert [x.tobytes() for x in mine] == [x.tobytes() for x in theirs]
    if day.again is not None:  # the last wave told candles again: what it says of each place is what is found there
        found = {(int(slot), int(ts)): row.tolist() for slot, ts, row in zip(slots, rows["ts"], expected, strict=True)}
        again = zip(day.again.slots.tolist(), day.again.ts.tolist(), day.again.found, strict=True)
        assert all(found[slot, ts] == row.tolist() for slot, ts, row in again)


def test_all_indicators_take_part():
    assert len(Bank(1).columns) == sum(len(spec.columns) for _, spec in INDICATORS.items()) > 50
