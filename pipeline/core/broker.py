"""The vocabulary between the order manager and a broker: what is asked, what is reported, what people command.

An ``OrderRequest`` is journalled before anybody acts on it, and acted on at most once. A ``BrokerReport`` is one thing that the broker
said, or did not say: an answer to a request, a row of a listing, a push. Nothing here decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.core.frozen import quick


class Ask(StrEnum):
    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"
    FIND = "find"
    """What the book holds under one tag."""
    BOOK = "book"
    TRADES = "trades"
    POSITIONS = "positions"
    EXIT_ALL = "exit_all"
    """Flatten, by the broker itself, the positions that orders of one tag made."""


READS = frozenset({Ask.FIND, Ask.BOOK, Ask.TRADES, Ask.POSITIONS})
"""May be asked as often as one likes; everything else changes something."""
LISTINGS = (Ask.BOOK, Ask.TRADES, Ask.POSITIONS)


class Answer(StrEnum):
    STARTED = "started"
    """The process that talks to the broker began: whatever it had been asked before will never be answered."""
    BEAT = "beat"
    """Nothing happened, but time has passed."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Definitely not done."""
    AMBIGUOUS = "ambiguous"
    """Perhaps done. Of a listing: nothing can be said."""
    ROW = "row"
    """An order as the book, its history or a push shows it."""
    TRADE = "trade"
    POSITION = "position"
    END = "end"
    """The listing is complete: what it did not show was not there."""


GTT = "GTT"
"""Order type of an entry that the broker's server keeps together with its target and stop, and of what guards the position there."""
GUARD = "trigger pending"
"""Status of a stop, or of a GTT's target and stop, that waits for its price."""


class Leg(StrEnum):
    """What a row has to do with a GTT."""

    NONE = ""
    ENTRY = "ENTRY"
    STOPLOSS = "STOPLOSS"
    TARGET = "TARGET"
    WATCH = "WATCH"
    """Not an order at the exchange: the server watching for the other two."""


@quick
@dataclass(frozen=True, slots=True)
class Terms:
    """What of an order can be changed. ``qty`` is the total."""

    qty: int
    order_type: str
    limit_paise: int
    trigger_paise: int


@quick
@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One thing to be asked of the broker; what does not concern its kind is 0 or empty. ``qty`` is the total, also in a change."""

    ts: int
    id: str
    ask: Ask
    intent_id: str = ""
    order_id: str = ""
    symbol: str = ""
    side: str = ""
    order_type: str = ""
    qty: int = 0
    limit_paise: int = 0
    trigger_paise: int = 0
    tag: str = ""
    target_paise: int = 0
    trail_paise: int = 0
    """Of a GTT: its target, and how far behind the best price its stop follows."""

    @property
    def terms(self) -> Terms:
        return Terms(self.qty, self.order_type, self.limit_paise, self.trigger_paise)


@quick
@dataclass(frozen=True, slots=True)
class BrokerReport:
    """One thing the broker said. ``qty`` is the order's total, the trade's size or the signed net position.

    ``cum_qty`` is what has filled by the book; ``px_paise`` the price of a trade, what one share of a position is worth now, else the
    average. ``status`` is the broker's own word.
    """

    ts: int
    answer: Answer
    request_id: str = ""
    order_id: str = ""
    tag: str = ""
    symbol: str = ""
    side: str = ""
    status: str = ""
    qty: int = 0
    cum_qty: int = 0
    px_paise: int = 0
    trigger_paise: int = 0
    trade_id: str = ""
    reason: str = ""
    order_type: str = ""
    limit_paise: int = 0
    parent: str = ""
    """The GTT that the order belongs to."""
    leg: Leg = Leg.NONE
    name: str = ""
    """Of a position: what the broker calls a paper that is not in today's watchlist; ``symbol`` is its instrument key then."""
    pnl_paise: int = 0
    """Of such a position: made or lost today, by the broker's own reckoning, before charges."""


@quick
@dataclass(frozen=True, slots=True)
class Facts:
    """What only the process that talks to the broker can look up, for the pre-trade checks. None: it could not be found out."""

    ts: int
    token_left_ms: int | None
    """Until the token dies; 0: none that the broker takes."""
    are_versions_equal: bool | None
    """Every process of this run that can be seen bears our version."""
    clock_skew_ms: int | None
    """Our clock less the broker's."""
    is_master_of_today: bool | None
    margin_paise: int | None
    """What the broker says is free to trade with."""


class Word(StrEnum):
    """What a person may command, from mild to strong (levels 1 to 4), and how it is lifted."""

    PAUSE = "pause"
    """No new entries; what works goes on."""
    HALT = "halt"
    """No new entries; working ones are cancelled; stops stay where they are."""
    FLATTEN = "flatten"
    """Halt, and close everything."""
    KILL = "kill"
    """The broker itself is asked to cancel, exit and lock everything, past our own orders: they keep their hands off meanwhile."""
    RESUME = "resume"
    CANCEL = "cancel"
    """One entry of ours, named by its id."""
    CLOSE = "close"
    """One position of ours, named by its symbol."""
    FORGET = "forget"
    """The account's high-water mark over days begins anew."""


LEVELS = (Word.PAUSE, Word.HALT, Word.FLATTEN, Word.KILL)
"""Level 1 comes first."""
SINGLE = frozenset({Word.CANCEL, Word.CLOSE, Word.FORGET})
"""Concern one thing, are done once and hold nothing."""


def level_of(word: str) -> int:
    """Give 1 to 4; 0 when nothing holds."""
    return LEVELS.index(Word(word)) + 1 if word in LEVELS else 0


def holding(before: str, said: Word) -> str:
    """Give the word that holds after one more was said: a milder one does not loosen a stronger one, RESUME lifts any."""
    if said in SINGLE:
        return before
    return "" if said is Word.RESUME else max(before, said.value, key=level_of)


@quick
@dataclass(frozen=True, slots=True)
class Control:
    """A command. ``source`` is the string that was pulled (``page``, ``command`` or ``file``), ``who`` pulled it, as far as we know."""

    ts: int
    word: Word
    source: str
    who: str = ""
    what: str = ""
    """The order or the symbol that CANCEL and CLOSE are about."""


@dataclass(frozen=True, slots=True)
class External:
    """What people have in one paper; the shares are signed."""

    symbol: str
    """Ours, or the broker's instrument key."""
    name: str
    qty: int
    worth_paise: int
    """Of all of it, now; never negative."""
    net_paise: int
    """Made or lost today."""
    is_ours: bool
    """It is in today's watchlist."""


ALONE = frozenset({"paper", "replay"})
"""Modes in whose account nobody else trades."""
