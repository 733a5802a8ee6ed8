"""What the feed is to follow: the watchlist's own wishes, and what people asked for since. Pure.

Reads   today's instruments and ``SubscriptionChange``s in their order
Gives   the wanted set (instrument key -> mode) and the plan that carries it
Law     a change that cannot be followed (a symbol that is not in today's list, a mode the account has not, more than
        fits) is refused by itself, in one line, and the rest stands
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pipeline.broker.plan import Limits, Plan, plan
from pipeline.core.errors import Refused
from pipeline.core.watchlist import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.feed import SubscriptionChange
    from pipeline.core.types import Instrument

ACTIONS = ("add", "remove")
SHOWN = 20


class Subscriptions:
    """The wanted set.

    Raises:
        Refused: the watchlist itself does not fit.
    """

    def __init__(self, instruments: Sequence[Instrument], default_mode: str, limits: Limits) -> None:
        self._instruments = instruments
        self._default = default_mode
        self._limits = limits
        self.wanted = {i.instrument_key: i.mode or default_mode for i in instruments if i.is_followed}
        self.plan: Plan = plan(self.wanted, limits)
        self.refused: deque[str] = deque(maxlen=SHOWN)
        self.refusals = 0

    def apply(self, changes: Iterable[SubscriptionChange]) -> list[str]:
        """Take changes in; give the refusals, one line each."""
        out = []
        for change in changes:
            try:
                self._apply(change)
            except Refused as refusal:
                out.append(str(refusal))
        self.refused.extend(out)
        self.refusals += len(out)
        return out

    def _apply(self, change: SubscriptionChange) -> None:
        if change.action not in ACTIONS:
            raise Refused(f"subscription of {change.symbol!r:.60}: unknown action {change.action!r:.20}: use add or remove")
        instrument = resolve(change.symbol, self._instruments)
        wanted = dict(self.wanted)
        if change.action == "remove":
            wanted.pop(instrument.instrument_key, None)
        else:
            wanted[instrument.instrument_key] = change.mode or instrument.mode or self._default
        self.plan = plan(wanted, self._limits, self.plan)
        self.wanted = wanted
