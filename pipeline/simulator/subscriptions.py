"""What one feed connection asked for, within the limits of the account's plan; and the ledger of it for tests.

Reads   control frames: UTF-8 JSON (``sub`` ``unsub`` ``change_mode``)
Writes  ``modes``: instrument key -> mode; ``asked``: every control frame with what was taken of it
Keys over a limit, unknown keys and modes that the plan does not have are ignored without a word, as the real feed
does. The limit of a mode is smaller when a connection mixes modes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

PLANS = ("normal", "plus")
CONNECTIONS = {"normal": 2, "plus": 5}
ALONE = {"ltpc": 5_000, "option_greeks": 3_000, "full": 2_000, "full_d30": 50}
MIXED = {"ltpc": 2_000, "option_greeks": 2_000, "full": 1_500, "full_d30": 50}
"""Most keys of one connection in one mode, alone and beside other modes (upstox.md 2.3)."""
PLUS_MODES = ("full_d30",)
MAX_ASKED = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One control frame: when (simulated time), what, and which keys of it were obeyed."""

    sim_ms: int
    method: str
    mode: str
    keys: int
    taken: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        return {"sim_ms": self.sim_ms, "method": self.method, "mode": self.mode, "keys": self.keys, "taken": list(self.taken)}


@dataclass(slots=True)
class Subscriptions:
    """The keys of one connection."""

    plan: str = "normal"
    modes: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    """The first thousand control frames."""
    _counts: Counter[str] = field(default_factory=Counter)

    def obey(self, payload: bytes, known: Container[str], now_ms: int) -> list[str]:
        """Obey a control frame; give the keys that are owed a snapshot. Nonsense is dropped without a word."""
        try:
            wish = json.loads(payload)
            method, body = str(wish["method"]), wish["data"]
            keys, mode = [str(k) for k in body["instrumentKeys"]], str(body.get("mode", "ltpc"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return []
        found = [key for key in dict.fromkeys(keys) if key in known]
        taken: list[str] = []
        if method == "unsub":
            taken = [key for key in found if self._leave(key)]
        elif method in ("sub", "change_mode") and mode in ALONE and (self.plan == "plus" or mode not in PLUS_MODES):
            taken = [key for key in found if (method == "sub" or key in self.modes) and self._take(key, mode)]
        if len(self.asked) < MAX_ASKED:
            self.asked.append(Asked(now_ms, method, mode, len(keys), tuple(taken)))
        return [] if method == "unsub" else taken

    def _leave(self, key: str) -> bool:
        mode = self.modes.pop(key, None)
        if mode is not None:
            self._counts[mode] -= 1
        return mode is not None

    def _take(self, key: str, mode: str) -> bool:
        """Follow a key in a mode, if the counts of all modes are allowed afterwards."""
        old = self.modes.get(key)
        after = Counter(self._counts)
        after[mode] += 1
        if old is not None:
            after[old] -= 1
        used = [name for name, count in after.items() if count > 0]
        limits = ALONE if len(used) == 1 else MIXED
        if any(after[name] > limits[name] for name in used):
            return False
        self.modes[key] = mode
        self._counts = after
        return True
