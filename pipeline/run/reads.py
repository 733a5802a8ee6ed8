"""The read quota of these settings: the own pace, and the ledgers that all processes of the account share."""

from __future__ import annotations

from pipeline.broker.quota import SHARED_READS, STANDARD_READS, at_rate, scaled
from pipeline.broker.shared_quota import SharedReads, ledgers_at
from pipeline.core.errors import Refused
from pipeline.core.schema import Role
from pipeline.run.access import is_simulated
from pipeline.run.options import Settings

FILE = "reads.ledger"


def reads_of(settings: Settings, per_s: float) -> SharedReads:
    """Give a budget of ``per_s`` reads a second for this process.

    Raises:
        Refused: a faster clock against a real broker.
    """
    pace = settings.history.pace
    if pace != 1 and not is_simulated(settings):
        raise Refused(f"history.pace = {pace:g} is for a simulator: the broker's clock cannot be hurried, set it to 1")
    limits = scaled((*STANDARD_READS, at_rate(per_s)), pace)
    ledgers = ledgers_at(settings.redis.urls()[Role.DERIVED], settings.paths.runtime / FILE)
    return SharedReads(limits, ledgers, scaled(SHARED_READS, pace))
