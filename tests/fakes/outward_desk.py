"""A desk with a broker outside, and ways to speak as that broker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.core.broker import Answer, Ask, BrokerReport, Control, Facts, OrderRequest, Word
from pipeline.core.types import Confirmation, Fill, OrderEvent, Recommendation
from pipeline.engine.desk import Desk, new_desk
from pipeline.engine.orders import on_answer, on_control, on_facts, on_recommendation, on_report, on_ticks
from tests.fakes.trading import PAPERS, at, day, frame, params, recommendation

T = at("10:00")
CALM = (0, 99.95, 100.05)


class Talk:
    """One desk; each method gives the records that came of it. ``requests`` keeps what left."""

    def __init__(self, **changes: object) -> None:
        self.desk: Desk = new_desk(PAPERS, day(), params(**{"confirm": "ask", "min_gap_s": 0} | changes), is_outward=True)
        self.now = T - 60_000
        self.requests: list[OrderRequest] = []

    def _keep(self, records: Any) -> list[Any]:
        found = list(records)
        self.requests += [r for r in found if isinstance(r, OrderRequest)]
        return found

    def say(self, answer: Answer, request: OrderRequest | None = None, **fields: Any) -> list[Any]:
        known = {"request_id": request.id, "tag": request.tag} if request is not None else {}
        return self._keep(on_report(self.desk, BrokerReport(self.now, answer, **known | fields), self.now))

    def tick(self, *rows: tuple, after_ms: int = 100) -> list[Any]:
        self.now += after_ms
        return self._keep(on_ticks(self.desk, frame(self.now, *rows or (CALM,)), self.now))

    def wait(self, after_ms: int) -> list[Any]:
        self.now += after_ms
        return self.say(Answer.BEAT)

    def command(self, word: Word, what: str = "") -> list[Any]:
        return self._keep(on_control(self.desk, Control(self.now, word, "page", what=what), self.now))

    def last(self, ask: Ask) -> OrderRequest:
        return next(r for r in reversed(self.requests) if r.ask is ask)

    def count(self, ask: Ask) -> int:
        return sum(r.ask is ask for r in self.requests)

    def read_books(self, positions: dict[str, int] | None = None, others: tuple[dict[str, Any], ...] = ()) -> list[Any]:
        """Answer the three listings that are out; ``others`` are positions with all that the broker tells of them."""
        out = []
        for ask in (Ask.BOOK, Ask.TRADES, Ask.POSITIONS):
            request = self.last(ask)
            if request.id in self.desk.in_flight:
                held = [{"symbol": symbol, "qty": qty} for symbol, qty in (positions or {}).items()]
                for fields in (*held, *others) if ask is Ask.POSITIONS else ():
                    out += self.say(Answer.POSITION, request, **fields)
                out += self.say(Answer.END, request)
        return out

    def look(self, **changes: Any) -> None:
        """Tell sound facts, but for what is named."""
        sound = Facts(0, 3_600_000, True, 0, True, 100_000_000)
        on_facts(self.desk, replace(sound, **changes), self.now)

    def ready(self) -> Talk:
        """Start, read the empty books, and let the first settling pass."""
        self.say(Answer.STARTED)
        self.read_books()
        while self.now < T:
            self.tick(after_ms=5_000)
            self.read_books()
        self.look()
        return self

    def enter(self, symbol: str = "AAA", proposal: Recommendation | None = None) -> OrderRequest:
        """Confirm a recommendation; give the request that left."""
        proposal = proposal or recommendation(symbol, self.now)
        self._keep(on_recommendation(self.desk, proposal, self.now))
        self.answered = self._keep(on_answer(self.desk, Confirmation(self.now, proposal.id, "confirm", "page"), self.now))
        return self.requests[-1]

    def filled(self, qty: int = 499) -> OrderRequest:
        """An entry that was accepted as B1 and filled ``qty`` at 100.05; give the stop's request."""
        entry = self.enter()
        self.say(Answer.ACCEPTED, entry, order_id="B1")
        self.trade("B1", "t1", qty)
        return self.last(Ask.PLACE)

    def trade(self, order_id: str, trade_id: str, qty: int, px: int = 100_05, side: str = "BUY") -> list[Any]:
        return self.say(Answer.TRADE, order_id=order_id, trade_id=trade_id, qty=qty, px_paise=px, side=side, symbol="AAA")


def statuses(records: list[Any]) -> list[str]:
    return [r.status for r in records if isinstance(r, OrderEvent)]


def fills(records: list[Any]) -> list[Fill]:
    return [r for r in records if isinstance(r, Fill)]
