"""One call for candles: within the read budget, asked again in the open when an answer was lost or turned away.

Gives the list under ``data.candles``. A body that is no answer of the known shape is kept in the quarantine and refused whole.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from pipeline.broker.rest import BadAnswer, Throttled
from pipeline.core.errors import Ambiguous, Refused

if TYPE_CHECKING:
    from pipeline.broker.quarantine import Quarantine
    from pipeline.broker.quota import ReadBudget
    from pipeline.broker.rest import RestClient

log = logging.getLogger("ticktick.history")
PAUSES_S = (1.0, 5.0)


class CandleCalls:
    """Counts what it asks.

    Args:
        client: the broker's REST address.
        budget: the read budget, shared with whatever else reads.
        quarantine: where answers that are refused are kept; None keeps none.
    """

    def __init__(self, client: RestClient, budget: ReadBudget, quarantine: Quarantine | None = None) -> None:
        self._client = client
        self._budget = budget
        self._quarantine = quarantine
        self.made = 0

    def ask(self, path: str) -> list[Any]:
        """Return the rows of one answer.

        Raises:
            Refused, Unauthorised: turned down, or no answer of the known shape. Ambiguous, Throttled: three times in vain.
        """
        for pause in PAUSES_S:
            try:
                return self._once(path)
            except (Ambiguous, Throttled) as error:
                log.warning("history asked again", extra={"fields": {"why": str(error), "pause_s": pause}})
                time.sleep(pause)
        return self._once(path)

    def _once(self, path: str) -> list[Any]:
        now = time.monotonic_ns() // 1_000_000
        time.sleep((self._budget.reserve(now) - now) / 1000)
        self.made += 1
        try:
            found = self._client.get_data(path)
        except BadAnswer as error:
            self.keep(error.body, "bad_answer")
            raise
        rows = found.get("candles") if isinstance(found, dict) else None
        if not isinstance(rows, list):
            self.keep(repr(found), "no_candles")
            raise Refused("the answer holds no list of candles: nothing was taken from it")
        return rows

    def keep(self, body: bytes | str, reason: str) -> None:
        """Keep a refused answer as it came, for a person."""
        if self._quarantine is not None:
            self._quarantine.keep(body, reason)
