"""What a broker must do for us: take one request, say what came of it. Nothing more is asked of any broker.

Reads   OrderRequest
Writes  BrokerReport: for a change ACCEPTED (one for each order that came of it), REFUSED or AMBIGUOUS; for a listing its pieces, then END;
        or, when it failed in any way, REFUSED or AMBIGUOUS in place of END

REFUSED means definitely not done. Everything that is neither accepted nor definitely refused is AMBIGUOUS: a time-out, a broken line, a
fault at the broker, an answer that cannot be read. ``perform`` never raises for what a broker or a network can do, never tries again, never
waits longer than its stated time-outs, and makes exactly one attempt at what it is asked.
"""

from __future__ import annotations

from typing import Protocol

from pipeline.core.broker import Answer, BrokerReport, OrderRequest


class Broker(Protocol):
    """A broker, or what stands in for one."""

    name: str

    def perform(self, request: OrderRequest) -> list[BrokerReport]:
        """Do what is asked, once."""
        ...


def accepted(request: OrderRequest, *order_ids: str) -> list[BrokerReport]:
    return [BrokerReport(request.ts, Answer.ACCEPTED, request.id, order_id, request.tag) for order_id in order_ids]


def refused(request: OrderRequest, reason: str) -> list[BrokerReport]:
    return [BrokerReport(request.ts, Answer.REFUSED, request.id, request.order_id, request.tag, reason=reason)]


def ambiguous(request: OrderRequest, reason: str) -> list[BrokerReport]:
    return [BrokerReport(request.ts, Answer.AMBIGUOUS, request.id, request.order_id, request.tag, reason=reason)]


def listed(request: OrderRequest, pieces: list[BrokerReport]) -> list[BrokerReport]:
    return [*pieces, BrokerReport(request.ts, Answer.END, request.id)]
