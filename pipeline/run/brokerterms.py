"""What the broker itself says that a proposal would bind and cost, while a person is about to be asked.

Reads   the broker's margin of the entry, its charges of the entry and of the exit at the target (three reads, within the shared quota)
Writes  the proposal's Terms with the broker's figures in place of the model's, each marked; what does not arrive in time stays the model's

A question is never held up longer than its patience, whatever the broker does.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

from pipeline.broker.upstox_account import UpstoxAccount
from pipeline.core.errors import TickTickError
from pipeline.core.types import Instrument, Recommendation
from pipeline.engine.prompt import BROKER, Terms
from pipeline.jobs.orders import OUTWARD
from pipeline.run.access import rest_client
from pipeline.run.options import Settings
from pipeline.run.reads import reads_of

log = logging.getLogger("ticktick.brokerterms")
PATIENCE_S = 0.8
READS = 3


def with_brokers(settings: Settings, wish: Recommendation, instrument: Instrument, terms: Terms, patience_s: float = PATIENCE_S) -> Terms:
    """Give the terms with what the broker answered in time; on paper nobody is asked."""
    if settings.mode != OUTWARD and not settings.mode.startswith("live-"):
        return terms
    found: dict[str, int] = {}
    thread = threading.Thread(target=_ask, args=(settings, wish, instrument, terms.qty, found), name="terms", daemon=True)
    thread.start()
    thread.join(patience_s)
    return merged(terms, dict(found))


def merged(terms: Terms, found: dict[str, int]) -> Terms:
    """Put the broker's figures in."""
    if "margin" in found:
        terms = replace(terms, margin_paise=found["margin"], margin_by=BROKER)
    if "charges" in found:
        terms = replace(terms, charges_paise=found["charges"], charges_by=BROKER)
    return terms


def _ask(settings: Settings, wish: Recommendation, instrument: Instrument, qty: int, found: dict[str, int]) -> None:
    try:
        budget, now = reads_of(settings, 10.0), time.monotonic_ns() // 1_000_000
        if any(budget.reserve(now) - now > 0 for _ in range(READS)):
            return  # the reads of others come first: by then the person has been asked
        account, key = UpstoxAccount(rest_client(settings)), instrument.instrument_key
        found["margin"] = account.margin_paise(key, wish.side, qty, wish.limit_paise)
        entry = account.charges_paise(key, wish.side, qty, wish.limit_paise)
        leave = account.charges_paise(key, wish.side.opposite, qty, wish.target_paise or wish.limit_paise)
        found["charges"] = round(entry + leave)
    except (TickTickError, KeyError, TypeError, ValueError) as error:
        log.warning("the broker's own margin and charges are not known: %s", error)
