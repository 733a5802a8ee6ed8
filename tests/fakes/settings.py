"""Settings of a test: the shipped ones, with the files a person would have in a folder of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.run.options import Settings
from pipeline.run.settings import load


def settings_in(folder: Path, **overrides: Any) -> Settings:
    """Load without the environment."""
    given = {
        "paths.token": str(folder / "t.json"),
        "paths.credentials": str(folder / "c.json"),
        "paths.symbols": str(folder / "s.json"),
    }
    return load(environ={}, overrides={**given, **overrides})
