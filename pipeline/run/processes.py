"""Which processes there are, in the order they start: the door in ``scripts/`` and the name of its job.

Kept as plain names, so that `ticktick status` and `ticktick up` need not import the jobs themselves; a
test holds the table against the jobs that discovery finds.
"""

from __future__ import annotations

PROCESSES: dict[str, str] = {
    "historical_data_fetcher": "history",
    "websocket_client": "ticks",
    "live_data": "live",
    "technical_indicators": "indicators",
    "chart_analysis": "chart",
    "best_filtering": "filtering",
    "orders": "orders",
    "portfolio": "portfolio",
    "dashboard": "dashboard",
    "record_feed": "recorder",
    "keep_audit": "audit",
}
"""Door -> job. The health hash of a process bears the job's name."""

ENDS_BY_ITSELF = frozenset({"historical_data_fetcher"})
"""Does its work at start and exits 0; the others run all day."""

WHEN_RECORDING = frozenset({"record_feed"})
"""Runs only with ``[recorder] enabled``; ends by itself when the day is over."""

ALIASES = {"protofolio": "portfolio"}
"""Spellings of the first brief."""
