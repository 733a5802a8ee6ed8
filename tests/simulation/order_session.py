"""One simulated session: the pure order manager and the portfolio's fold, a faulty broker, a process that dies between any two actions.

The runner's promises are modelled as they are: outputs, cursor and state of one input commit together, requests leave only after that commit,
what comes from a stream is read again after a crash and what came from the broker is not. After a crash the state is a dump, put together
again from its bytes, stepped through what was committed since. Where the crash took nothing back, that is the state that was held: every
fourth time it is put together and compared, else it goes on. A session is a function of its seed.
"""

from __future__ import annotations

import heapq
import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.core.broker import LEVELS, LISTINGS, READS, Answer, Ask, BrokerReport, Control, Facts, OrderRequest, Word, level_of
from pipeline.core.params import Params
from pipeline.core.session import Calendar, ist_ms
from pipeline.core.types import MINUTE_MS, Confirmation, Fill, OrderEvent, OrderIntent, Recommendation, Side, TickBatch
from pipeline.engine.asking import EXIT_ALL
from pipeline.engine.desk import Desk, new_desk
from pipeline.engine.lifecycle import Status
from pipeline.engine.portfolio import Ledger
from pipeline.engine.protect import HANDS_OFF_MS
from pipeline.engine.quotes import QuoteTable
from tests.fakes.trading import params
from tests.simulation.order_broker import CLEAN, FaultyBroker, Held, Rates
from tests.simulation.order_market import FRAME_MS, FRAMES, PAPERS, POOL, SYMBOLS, market
from tests.simulation.order_memory import Memory, step, to_bytes
from tests.simulation.order_resort import Resort
from tests.simulation.order_traps import ADDRESS, ADDRESS_MS, RAISED, RAISES, UNREGISTERED, overdue, trap_of

DATE = "2026-11-20"
ROOT = Path(__file__).resolve().parents[2]
DAY = Calendar.from_rows(json.loads((ROOT / "config" / "holidays.json").read_text("utf-8"))).day(DATE)
assert DAY is not None
INTENTS = 12
FIRST_ENTRY_MS, LAST_ENTRY_MS = 27_000, 88_000
CLEAN_NAKED_MS = CANCEL_MS = 3_000
BARE_MS = 60_000
"""Once faults are over, no position lies open for so long without a stop, whatever its server forgets."""
FIRST_ENTRY_FRAME, LAST_ENTRY_FRAME = 20, 95
LOOK_EVERY = 5
RESUME_MS = (6_000, 25_000)
"""So long after a string was pulled it may be lifted."""
LAST_RESUME_MS, WANTED_MS = 105_000, 6_000
"""What is bought after a resume must have its time to end by itself; until so long after it entries are wanted."""
FAULTS_END_MS = 115_000
"""From here on the world is healthy: liveness counts."""
SNAPSHOT_EVERY = (4, 8, 16)
"""Inputs between two states kept, by seed: the rest is replayed after a crash."""
COMPARED = 4
"""Of the crashes that took nothing back, the state is put together anew at every so-manieth."""
ENDINGS = ("square_off", "flatten", "max_hold", "max_hold")
LOOK_MS = 10_000
LONE_TRAP = 17
SOUND = Facts(0, 3_600_000, True, 0, True, 100_000_000)
UNSOUND = tuple(
    replace(SOUND, **{name: bad})
    for name, bads in {"token_left_ms": (None, 60_000), "are_versions_equal": (None, False), "clock_skew_ms": (None, 3_000, -3_000),
                       "is_master_of_today": (None, False), "margin_paise": (None, 0)}.items()
    for bad in bads
)  # fmt: skip
RUNAWAY = 1_000
"""No session needs so many changes at the broker."""
STRINGS = ("page", "command", "file")
LIMITS = {
    "confirm": "ask", "min_gap_s": 0, "max_positions": 12, "max_orders_per_minute": 1_000, "max_orders_per_day": 10_000,
    "max_leverage": 20.0, "max_drift_bps": 400.0, "max_spread_bps": 100.0, "daily_loss_stop_ratio": 0.5, "drawdown_stop_ratio": 0.5,
    "entry_timeout_s": 20, "max_hold_s": 0, "risk_per_trade": 0.001,
}  # fmt: skip
SETTINGS = {
    "square_off": params(**LIMITS | {"no_entry_after": "15:05", "square_off": "15:06"}),
    "flatten": params(**LIMITS),
    "max_hold": params(**LIMITS | {"max_hold_s": 45}),
}
WAYS = (
    {"exits": "stop", "trail_every_s": 5.0, "trail_step_bps": 2.0, "near_bps": 20.0},
    {"exits": "pair", "trail_every_s": 5.0, "trail_step_bps": 2.0, "near_bps": 20.0},
    {"exits": "gtt", "trail_every_s": 5.0, "trail_step_bps": 2.0, "near_bps": 20.0},
)
"""How a position is guarded."""
BLANK = {ending: new_desk(PAPERS, DAY, settings, is_outward=True) for ending, settings in SETTINGS.items()}
STARTS = {"square_off": "15:03:30", "flatten": "10:00", "max_hold": "11:00"}


def rates_of(seed: int, rng: random.Random) -> Rates:
    """Every tenth session is healthy, six have the rates of section 3.4, three draw their own, one in twenty has nothing but a trap."""
    if seed % 10 == 0:
        return CLEAN
    if seed % 20 == LONE_TRAP:
        return replace(CLEAN, trap=trap_of(seed))
    if seed % 10 <= 6:
        return Rates()
    more = random.Random(f"more {seed}")
    return Rates(
        lost=rng.uniform(0, 0.12), reply_lost=rng.uniform(0, 0.12), slow=rng.uniform(0, 0.08), refused=rng.uniform(0, 0.1),
        fault=rng.uniform(0, 0.1), rejected=rng.uniform(0, 0.05), read_failed=rng.uniform(0, 0.3), push_lost=rng.uniform(0, 0.5),
        push_doubled=rng.uniform(0, 0.3), lag_ms=rng.choice((0, 300, 1_500)), crash=rng.uniform(0, 0.15), stall=rng.choice((0, 0.02)),
        hand=rng.choice((0, 0.8)), stubborn=rng.choice((0, 0, 0.8)), amnesia=rng.choice((0, 0, 0.5)), unsound=rng.choice((0, 0.2)),
        trap=trap_of(seed) if seed % 4 < 2 else "",
        gtt_lost=more.choice((0, 0.3, 0.8)), late_fill=more.choice((0, 0, 0.5)), late_reject=more.choice((0, 0, 0.1)),
    )  # fmt: skip


@dataclass(slots=True)
class Outcome:
    """What a session came to; ``violations`` are sentences."""

    seed: int
    violations: list[str] = field(default_factory=list)
    crashes: int = 0
    actions: int = 0
    allowed: int = 0
    placed: int = 0
    profile: str = ""
    naked_ms: list[int] = field(default_factory=list)
    word_source: str = ""
    word_last_ms: int = -1
    """From the pulled string to the last order that opens something, as it left."""
    word_filled_ms: int = -1
    """To the last fill that opens something."""
    word_flat_ms: int = -1
    """To the last trade of the day."""
    fills: int = 0


@dataclass(frozen=True, slots=True)
class Pull:
    """An emergency string: what it says, and by which way; what is said later, with how many milliseconds it comes behind."""

    word: Word
    source: str
    later: tuple[tuple[int, Word], ...] = ()


@dataclass(slots=True)
class Input:
    kind: str
    record: Any
    is_stream: bool


def drawn(seed: int, ending: str) -> Pull | None:
    """Draw the words of a session: a day that ends flat does by FLATTEN or KILL, one whose positions end by themselves may be paused or halted.

    A milder word may follow, which loosens nothing, and what does not end the day may be lifted.
    """
    rng = random.Random(f"word {seed}")
    source = rng.choice(STRINGS)
    if ending == "flatten":
        word = rng.choice((Word.FLATTEN, Word.FLATTEN, Word.KILL))
    elif ending == "max_hold" and rng.random() < 0.2:
        word = rng.choice((Word.PAUSE, Word.HALT))
    else:
        return None
    later = []
    if rng.random() < 0.5:
        later.append((rng.randint(50, RESUME_MS[0]), rng.choice(LEVELS[: LEVELS.index(word) + 1])))
    if ending == "max_hold" and rng.random() < 0.7:
        later.append((rng.randint(*RESUME_MS), Word.RESUME))
    return Pull(word, source, tuple(later))


class Session:
    """A world of one seed. ``run`` plays it to its end and judges it."""

    acts_first = False
    """Requests leave before they are committed: only to see that this is noticed."""
    has_kill_file = True
    """The kill file is looked at before an order leaves: switched off for the same reason."""

    def __init__(self, seed: int, rates: Rates | None = None, pull: Pull | None = None) -> None:
        self.rng = rng = random.Random(f"orders {seed}")
        self.seed, self.ending, self.pull = seed, rng.choice(ENDINGS), pull
        if pull is not None:
            self.ending = "flatten" if pull.word in {Word.FLATTEN, Word.KILL} else "max_hold"
        else:
            self.pull = drawn(seed, self.ending)
        self.rates = rates if rates is not None else rates_of(seed, rng)
        way = replace(SETTINGS[self.ending].stops, **rng.choice(WAYS))
        self.params: Params = replace(SETTINGS[self.ending], stops=way)
        self.base = ist_ms(DATE, STARTS[self.ending][:5]) + (
            int(STARTS[self.ending][6:] or 0) * 1000 if len(STARTS[self.ending]) > 5 else 0
        )
        self.market = market(rng.randrange(POOL))
        self.is_trap_alone = self.rates.trap != "" and replace(self.rates, trap="") == CLEAN
        named = "clean" if self.rates == CLEAN else "stated" if self.rates == Rates() else "drawn"
        self.outcome = Outcome(seed, profile="trap" if self.is_trap_alone else named)
        self.future: list[tuple[int, int, Callable[[int], None]]] = []
        self.count = 0
        self.now = self.base
        self.life, self.is_up = 0, False
        self.queue: list[Input] = []
        self.desk = self._fresh()
        self.memory = self._blank_memory()
        self.portfolio = Ledger(DATE, BLANK[self.ending].ledger.products)
        self.events: list[OrderEvent] = []
        self.trail: deque[tuple[int, Any]] = deque(maxlen=20)
        self.intents: dict[str, OrderIntent] = {}
        self.seen_ms = 0
        """When the last frame came: each brings all papers."""
        self.halted_ms = self.file_ms = self.pulled_ms = self.hands_off_ms = 0
        self.word = ""
        """The strongest that was said and taken in, and has not been lifted."""
        self.is_lifted = False
        self.busy_ms = 0
        """Until then entries are wanted again, and no frame is left out."""
        self.last_opening_ms = 0
        self.unknown: dict[str, str] = {}
        self.stopped: set[str] = set()
        self.is_word_lost = False
        self.forgets_at = 0
        self.reading: dict[str, Ask] = {}
        self.known: set[Ask] = set()
        self.facts: Facts | None = None
        self.triggers: dict[str, int] = {}
        self.is_forgetful = False
        self.broker = FaultyBroker(rng, self.rates, self.at, self._deliver, loss=random.Random(f"lost {seed}"))
        self.faults = self.broker.faults
        self.crash_rate = self.rates.crash
        self.is_clean = self.rates == CLEAN
        self.calm_ms = self.base + (0 if replace(self.rates, gtt_lost=0.0) == CLEAN else FAULTS_END_MS)
        """From here on the broker answers, whatever its server of GTTs forgets."""

    # ------------------------------------------------------------------ time

    def at(self, when: int, what: Callable[[int], None]) -> None:
        self.count += 1
        heapq.heappush(self.future, (when, self.count, what))

    def _deliver(self, when: int, reports: list[BrokerReport]) -> None:
        """To the process that runs now; what finds another one, or none, is lost."""
        life = self.life

        def arrive(_now: int) -> None:
            if self.is_up and self.life == life:
                if reports[-1].answer is Answer.END:
                    self.known.add(self.reading.get(reports[-1].request_id, Ask.FIND))
                self._take(Input("reports", reports, is_stream=False))

        self.at(when, arrive)

    def run(self) -> Outcome:
        self._plan_day()
        self._start(self.now)
        while self.future and not self.outcome.violations:
            self.now, _, what = heapq.heappop(self.future)
            what(self.now)
            if self.broker.reversals:
                self.outcome.violations += self.broker.reversals
            elif len(self.broker.received) > RUNAWAY:
                self._blame(f"{RUNAWAY} requests in one session")
        if not self.outcome.violations:
            self._judge()
        return self.outcome

    def _plan_day(self) -> None:
        rng, base = self.rng, self.base
        stalled_until = 0
        for number in range(FRAMES):
            when = base + number * FRAME_MS
            if when - base < FAULTS_END_MS and rng.random() < self.rates.stall:
                stalled_until = when + rng.randint(2_000, 12_000)
                self.faults["feed stall"] += 1
            self.at(when, lambda now, n=number, quiet=when < stalled_until: self._frame(n, now, quiet))
        for sid in rng.sample(range(len(PAPERS)), INTENTS):
            when = base + rng.randint(FIRST_ENTRY_MS, LAST_ENTRY_MS)
            self.at(when, lambda now, s=sid: self._propose(s, now, "a"))
            if rng.random() < 0.3:
                self.at(when + rng.randint(500, 9_000), lambda now, s=sid: self._propose(s, now, "b"))
            if rng.random() < 0.15:
                self.at(when + rng.randint(500, 40_000), lambda now, s=sid: self._propose(s, now, "a"))
        self.at(base + FAULTS_END_MS, lambda _now: self._heal())
        for when in range(base + LOOK_MS, base + FRAMES * FRAME_MS, LOOK_MS):
            self.at(when, self._look)
        if rng.random() < self.rates.hand:
            self.at(base + rng.randint(5_000, 90_000), self._meddle)
        has_tags = self.params.stops.exits != "gtt"  # a GTT bears none: it cannot be exited by it, nor known again without a journal
        self.broker.is_stubborn = rng.random() < self.rates.stubborn and has_tags
        self.forgets_at = rng.randint(2, 8) if rng.random() < self.rates.amnesia and has_tags else 0
        if self.pull is not None:
            pulled = base + rng.randint(30_000, FAULTS_END_MS - 5_000)
            self.at(pulled, lambda now, pull=self.pull: self._pull(pull, now))
            # An answer in the same breath as the string.
            self.at(pulled - 1_000 + rng.randint(-100, 200), lambda now: self._propose(rng.randrange(len(PAPERS)), now, "c"))

        self._set_trap(random.Random(f"when {self.seed}"))

    def _set_trap(self, rng: random.Random) -> None:
        """Plan what of a trap happens at moments of its own."""
        if self.rates.trap == ADDRESS:
            self.broker.address_ms = self.base + rng.randint(*ADDRESS_MS)
        for _ in range(RAISES if self.rates.trap == RAISED else 0):
            self.at(self.base + rng.randint(FIRST_ENTRY_MS, LAST_ENTRY_MS + 20_000), self.broker.raise_by_hand)

    def _heal(self) -> None:
        self.crash_rate = 0.0
        self.broker.heal()

    # ------------------------------------------------------------------ the world

    def _frame(self, number: int, now: int, quiet: bool) -> None:
        if now > self.busy_ms and not FIRST_ENTRY_FRAME < number <= LAST_ENTRY_FRAME and number % LOOK_EVERY and self._is_idle():
            return
        quotes = self.market.quotes[number]
        for symbol in self.broker.moved():
            self.broker.quote(symbol, quotes[symbol], now)
        if quiet:
            self._take(Input("reports", [BrokerReport(now, Answer.BEAT)], is_stream=False))
            return
        is_halted = 0 < self.halted_ms < now - CANCEL_MS and self.word != Word.PAUSE
        if self.is_clean and is_halted and any(h.purpose == "entry" for h in self.broker.working()):
            self._blame("an entry still works long after HALTED")
        bare = [s for s, since in self.broker.naked_since.items() if now - max(since, self.calm_ms) > BARE_MS]
        if bare and not self.broker.hand_ms:
            self._blame(f"{bare} lay open without a stop for {BARE_MS} ms with a broker that answers")
        self.seen_ms = now
        self._take(Input("ticks", TickBatch(now, self.market.rows[number]), is_stream=True))

    def _is_idle(self) -> bool:
        """Nothing is held, nothing works at the broker or may still get there: then a look every few frames is enough."""
        if not self.is_up or self.desk.plans or self.broker.moved():
            return False
        return all(o.purpose == "entry" and o.status is Status.UNKNOWN for o in self.desk.orders.values())

    def _look(self, now: int) -> None:
        """The process looks at token, versions, clock, instruments and funds; what it finds is lost with a process that dies."""
        if not self.is_up:
            return
        self.facts = replace(self.rng.choice(UNSOUND) if self.rng.random() < self.rates.unsound else SOUND, ts=now)
        self._take(Input("facts", self.facts, is_stream=False))

    def _meddle(self, now: int) -> None:
        """A person trades in the app: closes a position of ours, or buys or sells something."""
        held = [(symbol, qty) for symbol, qty in self.broker.position.items() if qty != 0]
        if held and self.rng.random() < 0.7:
            symbol, qty = self.rng.choice(held)
            self.broker.by_hand(symbol, Side.SELL if qty > 0 else Side.BUY, self.rng.choice((abs(qty), max(1, abs(qty) // 3))), now)
        else:
            self.broker.by_hand(self.rng.choice(SYMBOLS), self.rng.choice(list(Side)), 7, now)

    def _propose(self, sid: int, now: int, candle: str) -> None:
        """A recommendation around the last price, and its answer a second later. The same candle, which has closed, is the same cause."""
        number = min((now - self.base) // FRAME_MS, FRAMES - 1)
        symbol, ref, side = SYMBOLS[sid], self.market.quotes[number][SYMBOLS[sid]].ltp_paise, self.rng.choice(list(Side))
        key = f"{self.seed}-{symbol}-{now}"
        proposal = Recommendation(
            now, f"R{key}", f"S{key}", self.base - MINUTE_MS + ord(candle), 1, symbol, "1m", "simulated", side, 0.8, "trending", ref,
            ref + side.sign * 20, ref - side.sign * self.rng.choice((60, 100)), ref + side.sign * self.rng.choice((40, 150)), now + 60_000, "drawn",
            self.rng.choice((0, 50)),
        )  # fmt: skip
        self._take(Input("proposal", proposal, is_stream=True))
        for number in range(2 if self.rng.random() < 0.1 else 1):
            answer = Confirmation(now, proposal.id, "confirm", ("page", "terminal")[number])
            self.at(now + 1_000 + number, lambda at, a=answer: self._take(Input("answer", replace(a, ts=at), is_stream=True)))

    def _pull(self, pull: Pull, now: int) -> None:
        """Somebody pulls an emergency string: a click and a command travel, a file is there at once; KILL leaves one in any case."""
        self.outcome.word_source, self.pulled_ms = pull.source, now
        if pull.source == "file" or pull.word is Word.KILL:
            self.file_ms = now
        if pull.word is Word.KILL:
            Resort(self.broker, now)
        travel = self.rng.randint(1, 250) if pull.source == "file" else self.rng.randint(2, 60)
        self.at(now + travel, lambda at: self._say(pull.word, pull.source, at))
        for behind, word in pull.later if now + RESUME_MS[1] < self.base + LAST_RESUME_MS else ():
            self.at(now + 250 + behind, lambda at, later=word: self._say(later, "command", at))

    def _say(self, word: Word, source: str, now: int) -> None:
        """A word reaches the stream. One that lifts is refused while the file is there: it is removed first, and entries are wanted again."""
        if word is Word.RESUME:
            self.file_ms, self.busy_ms = 0, now + WANTED_MS + 2_000
            rng = random.Random(f"resumed {self.seed}")
            for sid in rng.sample(range(len(PAPERS)), 3):
                self.at(now + rng.randint(-900, WANTED_MS), lambda at, s=sid: self._propose(s, at, "d"))
        if word is Word.KILL and self.pulled_ms < now - 260:
            Resort(self.broker, now)  # pulled again
        self._take(Input("control", Control(now, word, source), is_stream=True))

    # ------------------------------------------------------------------ the process

    def _start(self, now: int) -> None:
        """Come up: dump, replay, and a word that nothing asked before will be answered."""
        self.life += 1
        self.is_up = True
        self.known.clear()
        self._take(Input("reports", [BrokerReport(now, Answer.STARTED)], is_stream=False))
        self.facts = None
        self.at(now + self.rng.randint(50, 400), self._look)
        waiting, self.queue = self.queue, []
        for item in waiting:
            self._take(item)

    def _crash(self, *, was_committed: bool) -> None:
        self.outcome.crashes += 1
        self.is_up = False
        if self.outcome.crashes == self.forgets_at:
            self._forget()
            return
        if not was_committed or self.outcome.crashes % COMPARED == 0:
            self._rebuild(was_committed=was_committed)
        self.at(self.now + self.rng.randint(200, 3_000), self._start)

    def _forget(self) -> None:
        """Everything we ever wrote is gone; the broker's book is all there is. Fills and intents are counted anew."""
        self.faults["journal lost"] += 1
        self.desk, self.memory, self.queue = self._fresh(), self._blank_memory(), []
        self.portfolio, self.events, self.intents = Ledger(DATE, BLANK[self.ending].ledger.products), [], {}
        self.unknown.clear()
        self.is_forgetful = True
        self.is_word_lost = self.pulled_ms > 0
        # A word that was only in the journal is gone with it (the kill file is not), and an exit that the broker made for us
        # bears no tag: from now on nobody can tell it from a trade by hand.
        self.word, self.halted_ms, self.hands_off_ms = "", 0, 0
        for held in self.broker.held.values():
            if held.purpose == "exit" and not held.order.tag:
                held.purpose = "hand"
        self.at(self.now + self.rng.randint(200, 3_000), self._start)

    def _rebuild(self, *, was_committed: bool) -> None:
        """Put the state together from what was written down: what was stepped and committed must come out as it was held."""
        held, self.desk = self.desk, self.memory.rebuilt(self._fresh())
        if was_committed and to_bytes(self.desk) != to_bytes(held):
            self._blame("dump and replay do not give the state that was held")

    def _blank_memory(self) -> Memory:
        return Memory(self._fresh(), SNAPSHOT_EVERY[self.seed % 3])

    def _fresh(self) -> Desk:
        """Give an empty desk; what never changes is shared by all of them."""
        blank = BLANK[self.ending]
        return Desk(blank.papers, DAY, self.params, QuoteTable(len(PAPERS)), None, Ledger(DATE, blank.ledger.products))

    def _take(self, item: Input) -> None:
        """One turn of the process: step, commit, act; it may die between any two of them."""
        if not self.is_up:
            if item.is_stream:
                self.queue.append(item)
            return
        now, desk = self.now, self.desk
        try:
            outputs = step(desk, item.kind, item.record, now)
        except Exception as error:
            self._blame(f"{type(error).__name__}: {error}")
            return
        is_action = any(type(out) is not BrokerReport for out in outputs)
        if is_action:
            self.outcome.actions += 1
            if self._dies():
                if item.is_stream:
                    self.queue.append(item)
                self.faults["crash before the commit"] += 1
                self._crash(was_committed=False)
                return
        requests = [out for out in outputs if type(out) is OrderRequest]
        if self.acts_first and self._acts(requests, now):
            return
        self._commit(item, outputs, now)
        if is_action and self._dies():
            self.faults["crash behind the commit"] += 1
            self._crash(was_committed=True)
            return
        if not self.acts_first:
            self._acts(requests, now)

    def _acts(self, requests: list[OrderRequest], now: int) -> bool:
        """Let the requests go, one by one; tell whether the process died in between."""
        for request in requests:
            self._perform(request, now)
            if self._dies():
                self.faults["crash between requests"] += 1
                self._crash(was_committed=not self.acts_first)
                return True
        return False

    def _dies(self) -> bool:
        return self.crash_rate > 0 and self.rng.random() < self.crash_rate

    def _commit(self, item: Input, outputs: list[Any], now: int) -> None:
        self.memory.note(self.desk, item.kind, item.record, now)
        if item.kind == "control":
            self._obeyed(item.record.word, now)
        if self.rates.trap == ADDRESS and item.kind == "reports":
            self._see_refusals(item.record, now)
        for out in outputs:
            self.trail.append((now, out))
            kind = type(out)
            if kind is OrderEvent:
                self.events.append(out)
                self._check_event(out)
                if out.leaves_qty not in (0, out.order_qty - out.cum_qty):
                    self._blame(f"{out.tag}: {out.cum_qty} + {out.leaves_qty} is not {out.order_qty}")
            elif kind is Fill:
                self.portfolio.apply(out)
                self.outcome.fills += 1
            elif kind is OrderIntent:
                self.intents.setdefault(out.id, out)

    def _see_refusals(self, reports: list[BrokerReport], now: int) -> None:
        """An answer that says that no order will be taken is a HALT; it need not be obeyed where it came too late to be known."""
        if any(r.answer is Answer.REFUSED and r.reason == UNREGISTERED for r in reports):
            if level_of(self.desk.word) < level_of(Word.HALT):
                self._blame("orders are refused for good, and nothing is halted")
            self._obeyed(Word.HALT, now)

    def _obeyed(self, word: Word, now: int) -> None:
        """From now on a word holds, beside stronger ones; or none does any more."""
        if word is Word.RESUME:
            self.word, self.halted_ms, self.is_lifted = "", 0, True
            return
        if word is Word.KILL:
            self.hands_off_ms = now + HANDS_OFF_MS
        self.word, self.halted_ms = max(self.word, word.value, key=level_of), self.halted_ms or now

    def _perform(self, request: OrderRequest, now: int) -> None:
        """Let a committed request go. The kill file is looked at before every order that could open something."""
        intent = self.intents.get(request.intent_id)
        if request.ask is Ask.PLACE and intent is not None and intent.purpose == "entry":
            if 0 < self.file_ms <= now and self.has_kill_file:
                self.faults["stopped by the kill file"] += 1
                self._deliver(now, [BrokerReport(now, Answer.REFUSED, request.id, tag=request.tag, reason="kill file")])
                self.stopped.add(request.intent_id)
                return
            if not self.known >= set(LISTINGS):
                self._blame(f"{request.tag} was sent before the books were read")
            if 0 < self.file_ms <= now:
                self._blame(f"{request.tag} was sent although the kill file is there")
            if 0 < self.halted_ms <= now:
                self._blame(f"{request.tag} was sent {now - self.halted_ms} ms after {self.word.upper()}")
            if now - self.seen_ms > self.params.risk.max_quote_age_ms:
                self._blame(f"{request.tag} was sent on a quote {now - self.seen_ms} ms old")
            if self.facts is None or replace(self.facts, ts=0) != SOUND:
                self._blame(f"{request.tag} was sent on facts that forbid it: {self.facts}")
            if self.pulled_ms and not self.is_lifted:
                self.last_opening_ms = now
        if request.ask in {Ask.PLACE, Ask.MODIFY, Ask.EXIT_ALL} and now < self.hands_off_ms:
            self._blame(f"{request.tag} was sent while the broker itself was closing everything")
        if request.ask is Ask.MODIFY and request.order_type == "SL-M":
            sign, before = Side(request.side).opposite.sign, self.triggers.get(request.intent_id, request.trigger_paise)
            if (request.trigger_paise - before) * sign < 0 and not self.is_forgetful:
                self._blame(f"the stop {request.tag} went back from {before} to {request.trigger_paise}")
            self.triggers[request.intent_id] = request.trigger_paise
        if request.ask in READS:
            self.reading[request.id] = request.ask
        self.broker.receive(request, now)

    def _check_event(self, event: OrderEvent) -> None:
        """No entry into a paper in which the outcome of another one is unknown; what a word forbids is forbidden while it holds, and not longer."""
        if not self.is_forgetful:
            if event.reason in {"halted", "reducing"} and event.status == "DENIED" and not self.word:
                self._blame(f"{event.symbol} was denied, {event.reason}, although no word holds")
            if event.reason == "halted" and event.status == "PENDING_CANCEL" and level_of(self.word) <= level_of(Word.PAUSE):
                self._blame(f"{event.tag} was cancelled, although what works may go on: {self.word or 'no word'}")
        if event.status == "SENDING" and event.purpose == "entry" and self.is_lifted:
            self.faults["entry after a resume"] += 1
        if event.status == "UNKNOWN" and event.purpose == "entry":
            self.unknown[event.intent_id] = event.symbol
        elif event.status == "SENDING" and event.purpose == "entry" and event.symbol in self.unknown.values():
            self._blame(f"{event.tag} was sent while another entry in {event.symbol} was unknown")
        else:
            self.unknown.pop(event.intent_id, None)

    def _blame(self, text: str) -> None:
        self.outcome.violations.append(text)

    # ------------------------------------------------------------------ verdicts

    def _judge(self) -> None:
        out, broker = self.outcome, self.broker
        self._end_day()
        posts: dict[str, int] = {}
        for _, request in broker.received:
            if request.ask is Ask.PLACE:
                posts[request.tag] = posts.get(request.tag, 0) + 1
        out.violations += [f"{tag} reached the broker {count} times" for tag, count in posts.items() if count > 1]
        causes = [self.intents[e.intent_id].cause for e in self.events if e.status == "SENDING"]
        if len(set(causes)) != len(causes):
            self._blame("one cause, two intents")
        self._judge_fills()
        by_id = {i.id: i for i in self.intents.values()}
        sent = [e for e in self.events if e.status == "SENDING" and e.purpose == "entry" and e.intent_id not in self.stopped]
        arrived = {r.tag for _, r in broker.received if r.ask is Ask.PLACE}
        out.allowed = len(sent)
        out.placed = sum(by_id[e.intent_id].tag in arrived for e in sent)
        out.naked_ms = broker.naked
        if self.is_clean and max(broker.naked, default=0) > CLEAN_NAKED_MS:
            self._blame(f"a position lay open for {max(broker.naked)} ms with a broker that answers")
        if self.is_trap_alone and not self.hands_off_ms:
            out.violations += overdue(broker, self.rates.trap)
        if self.pulled_ms and not self.is_word_lost and not self.is_lifted:
            flat = max((t.ts for t in broker.trades), default=0)
            filled = max((t.ts for t in broker.trades if broker.held[t.order_id].purpose == "entry"), default=0)
            out.word_last_ms = max(0, self.last_opening_ms - self.pulled_ms)
            out.word_filled_ms = max(0, filled - self.pulled_ms)
            out.word_flat_ms = max(0, flat - self.pulled_ms)

    def _end_day(self) -> None:
        """After the close, with a healthy broker: one more look at the books."""
        self.crash_rate = 0.0
        self.now = end = DAY.close_ms(self.desk.papers[SYMBOLS[1]].group) + 60_000
        for second in range(8):
            self.at(end + second * 1_000, lambda now: self._take(Input("reports", [BrokerReport(now, Answer.BEAT)], is_stream=False)))
        while self.future:
            self.now, _, what = heapq.heappop(self.future)
            what(self.now)

    def _is_ours(self, held: Held) -> bool:
        """An order by hand is ours where nobody could tell: without a tag, our way, after an exit by the broker that had no answer."""
        if held.purpose != "hand":
            return True
        order = self.desk.order(self.desk.owners.get(held.order.order_id, ""))
        if order is None or order.order_type != EXIT_ALL:
            return False
        return (order.symbol, order.side) == (held.order.symbol, held.order.side) and order.sent_ms <= held.order.ts

    def _judge_fills(self) -> None:
        broker, desk = self.broker, self.desk
        ours = {t.trade_id for t in broker.trades if self._is_ours(broker.held[t.order_id])}
        for name, ledger in (("orders", desk.ledger), ("portfolio", self.portfolio)):
            booked = set(ledger.trades)
            if booked != ours:
                self._blame(f"{name}: {len(ours - booked)} fills lost, {len(booked - ours)} invented")
            for symbol in SYMBOLS:
                mine = sum(t.side.sign * t.qty for t in broker.trades if t.symbol == symbol and t.trade_id in ours)
                if ledger.qty(symbol) != mine:
                    self._blame(f"{name}: {symbol} is {ledger.qty(symbol)} here, {mine} at the broker")
            cash = -sum(t.side.sign * t.qty * t.px_paise for t in broker.trades if t.trade_id in ours)
            worth = sum(h.cost_paise for h in ledger.holdings.values())
            if ledger.realised_paise != cash + worth:
                self._blame(f"{name}: realised {ledger.realised_paise} is not cash {cash} plus cost {worth}")
        left = {s: q for s in SYMBOLS if (q := sum(t.side.sign * t.qty for t in broker.trades if t.symbol == s and t.trade_id in ours))}
        left = {s: q for s, q in left.items() if broker.position.get(s, 0) != 0}
        if self.is_word_lost:
            return  # the word to flatten went with everything else; what is held is guarded
        if left and not self.broker.hand_ms:
            self._blame(f"not flat at the end ({self.ending}): {left}")
        out = [t for t in broker.trades if t.trade_id not in ours]
        if self.broker.hand_ms and (left or out):
            left = {s: q for s, q in self.broker.position.items() if q * left.get(s, 0) > 0 and abs(q) >= abs(left[s])}
            if left:
                self._blame(f"not flat at the end ({self.ending}), beside trades by hand: {left}")
        lost = [o.tag for o in desk.orders.values() if o.status.value == "UNKNOWN"]
        if lost:
            self._blame(f"still unknown after the close: {lost}")
        resting = [h.order.order_id for h in broker.working() if h.purpose != "hand"]
        guards = [b.gtt_id for b in broker.brackets.held.values() if broker.brackets.guarded_qty(b) > 0]
        if guards:
            self._blame(f"still guarded by a server after everything is flat: {guards}")
        if resting:
            self._blame(f"still working after everything is flat: {resting}")


def play(seed: int, rates: Rates | None = None) -> Outcome:
    """Play one session."""
    return Session(seed, rates).run()
