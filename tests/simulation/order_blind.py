"""A plug-in for pytest that takes one pre-trade check (``TICKTICK_BLIND``) out of the code before the tests are collected."""

from __future__ import annotations

import os

from pipeline.engine import risk

_NAME = os.environ["TICKTICK_BLIND"]
risk.CHECKS = tuple(check for check in risk.CHECKS if check.code != _NAME)
