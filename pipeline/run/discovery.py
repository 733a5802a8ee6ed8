"""Fill the registries: import every module of the folders that hold one thing a file.

The pure half never reads a folder; this is the place that does. A new indicator, pattern, strategy or
job is one new file, and nothing else changes.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from pipeline.core.errors import Refused
from pipeline.core.job import Job
from pipeline.core.registry import did_you_mean

FOLDERS = ("pipeline.indicators", "pipeline.patterns", "pipeline.strategies")


@cache
def discover() -> None:
    """Import all indicators, patterns and strategies, in the order of their names."""
    for folder in FOLDERS:
        for module in _modules(folder):
            importlib.import_module(module)


@cache
def discover_importers() -> None:
    """Import all importers of daily files; only those who import files need them."""
    for module in _modules("pipeline.importers"):
        importlib.import_module(module)


@cache
def jobs() -> dict[str, Job]:
    """Give every job by its name."""
    discover()
    found = [getattr(importlib.import_module(module), "job", None) for module in _modules("pipeline.jobs")]
    return {job.name: job for job in found if isinstance(job, Job)}


def job_named(name: str) -> Job:
    """Give one job.

    Raises:
        Refused: no such job; names the nearest.
    """
    known = jobs()
    if name not in known:
        raise Refused(f"unknown process '{name}'{did_you_mean(name, known)}; known: {', '.join(sorted(known))}")
    return known[name]


def _modules(folder: str) -> list[str]:
    package = importlib.import_module(folder)
    return sorted(f"{folder}.{found.name}" for found in pkgutil.iter_modules(package.__path__) if not found.name.startswith("_"))
