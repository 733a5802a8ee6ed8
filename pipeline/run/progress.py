"""Progress of a long fetch: a bar with the quota used and the time left; plain lines where there is no terminal.

The bar is rich's where that is installed (``pip install 'ticktick[bars]'``), else one of plain characters. ``lines_s`` is how often a
line is written when stderr is no terminal; 0 writes none.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import Any

from pipeline.broker.quota import ReadBudget

WIDTH = 30


class Bar:
    """``show`` after each step, ``close`` at the end."""

    def __init__(self, title: str, budget: ReadBudget, *, lines_s: float = 0.0) -> None:
        self._title, self._budget, self._lines_s = title, budget, lines_s
        self._began = time.monotonic()
        self._said = float("-inf")
        self._is_shown = sys.stderr.isatty()
        self._rich: Any = None

    def show(self, done: int, total: int, label: str) -> None:
        """Redraw in place, or write a line when it is time."""
        words = f"{self._budget.used} reads{left(done, total, time.monotonic() - self._began)}"
        if self._is_shown and importlib.util.find_spec("rich") is not None:
            self._draw(done, total, f"{label:<18} {words}")
        elif self._is_shown:
            filled = WIDTH * done // max(total, 1)
            bar = "#" * filled + "." * (WIDTH - filled)
            sys.stderr.write(f"\r{self._title} [{bar}] {done}/{total} {label:<18} {words}\x1b[K")
            sys.stderr.flush()
        elif self._lines_s > 0 and (done == total or time.monotonic() - self._said >= self._lines_s):
            self._said = time.monotonic()
            sys.stderr.write(f"{self._title}: {done}/{total} {label} {words}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """End the bar's line."""
        if self._rich is not None:
            self._rich.stop()
        elif self._is_shown:
            sys.stderr.write("\n")

    def _draw(self, done: int, total: int, words: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        if self._rich is None:
            columns = (TextColumn("{task.description}"), BarColumn(WIDTH), MofNCompleteColumn(), TextColumn("{task.fields[words]}"))
            self._rich = Progress(*columns, console=Console(file=sys.stderr))
            self._rich.add_task(self._title, total=total, words=words)
            self._rich.start()
        self._rich.update(0, completed=done, total=total, words=words)


def left(done: int, total: int, spent_s: float) -> str:
    """Say how long the rest takes at the pace so far: ``, 2 min 05 s left``."""
    if done == 0 or done >= total:
        return ""
    minutes, seconds = divmod(round(spent_s / done * (total - done)), 60)
    return f", {minutes} min {seconds:02d} s left" if minutes > 0 else f", {seconds} s left"
