"""How many examples a property is tried on: 200 with every commit, 20,000 under ``make nightly``."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings

IS_NIGHTLY = os.environ.get("TICKTICK_NIGHTLY") == "1"
NIGHTLY = 20_000


def examples(test: Any, *, usual: int = 200) -> Any:
    """Decorate a property (above ``@given``). Under the nightly setting it is a nightly test, and else an ordinary one."""
    if not IS_NIGHTLY:
        return settings(max_examples=usual, deadline=None)(test)
    return pytest.mark.nightly(pytest.mark.timeout(3600)(settings(max_examples=NIGHTLY, deadline=None)(test)))
