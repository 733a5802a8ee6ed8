"""Waiting for a Redis that has gone away: said once, looked for again and again, and other work goes on meanwhile.

Reads   whatever the caller asks of the store to see whether it is back
Writes  the log
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from pipeline.core.errors import Ambiguous

log = logging.getLogger("ticktick.waiting")

FIRST_S, LONGEST_S, IDLE_S = 0.05, 2.0, 0.05


def await_store(name: str, ask: Callable[[], object], should_stop: Callable[[], bool], idle: Callable[[], object] = lambda: None) -> bool:
    """Ask until the store answers; False when asked to stop before that. ``idle`` is called about every 50 ms.

    Whatever ``ask`` raises but Ambiguous is the caller's.
    """
    pause = FIRST_S
    while not should_stop():
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0 and not should_stop():
            idle()
            time.sleep(min(left, IDLE_S))
        pause = min(pause * 2, LONGEST_S)
        try:
            ask()
        except Ambiguous:
            continue
        log.info("Redis is back", extra={"fields": {"job": name}})
        return True
    return False
