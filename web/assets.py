"""Files of the page: ours from this folder, the chart library from the wheel `lightweight-charts`.

Reads   web/INDEX.html, app.js, style.css; lightweight_charts/js/lightweight-charts.js in site-packages
Gives   bytes with their content type
Never   imports the wheel (it would pull pandas and a webview), serves a library whose hash is not the
        pinned one, or reads a path that a request names.

The library is TradingView Lightweight Charts 4.1.3 (Apache-2.0). Its notice and a link to tradingview.com
stand at the foot of the page, as its licence asks; this version has no logo of its own.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

CHARTS_PACKAGE = "lightweight_charts"
CHARTS_FILE = Path("js") / "lightweight-charts.js"
CHARTS_SHA256 = "a7d4221516c7ea0bb0cc17d605df8848c1c748517a2ca43c2ce1a95ddb159006"
"""Of the file in ``lightweight-charts==2.1`` (160,942 bytes)."""
FIX = "run `make setup` (or `pip install --no-deps lightweight-charts==2.1`) and start the dashboard again"

SCRIPTS = ("app.js", "base.js", "panels.js", "feed.js", "advice.js", "stop.js", "single.js", "chartpanel.js", "chart.js")

_HERE = Path(__file__).resolve().parent
_JS = "text/javascript"


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Charts:
    """The chart library, or the reason why the page does without it."""

    asset: Asset | None
    problem: str

    @property
    def is_usable(self) -> bool:
        return self.asset is not None


FAVICON = Asset(
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3.5" fill="#10151d"/>'
    b'<path d="M5 2.5v11M11 2.5v11" stroke="#8793a6"/><path d="M3.6 6h2.8v5H3.6z" fill="#f0616d"/>'
    b'<path d="M9.6 4.4h2.8v6H9.6z" fill="#2ebd85"/></svg>',
    "image/svg+xml",
)


def page_assets(folder: Path = _HERE) -> dict[str, Asset]:
    """Read our own files, by the path they are served at."""
    html = Asset((folder / "INDEX.html").read_bytes(), "text/html")
    return {
        "/": html,
        "/INDEX.html": html,
        **{f"/{name}": Asset((folder / name).read_bytes(), _JS) for name in SCRIPTS},
        "/style.css": Asset((folder / "style.css").read_bytes(), "text/css"),
        "/favicon.svg": FAVICON,
    }


def find_charts(path: list[str] | None = None, sha256: str = CHARTS_SHA256) -> Charts:
    """Look the library up along ``sys.path`` and check its hash."""
    for entry in sys.path if path is None else path:
        folder = Path(entry or ".") / CHARTS_PACKAGE
        if (folder / "__init__.py").is_file():
            return _checked(folder / CHARTS_FILE, sha256)
    return Charts(None, f"The chart library is not installed: {FIX}.")


def _checked(file: Path, sha256: str) -> Charts:
    try:
        body = file.read_bytes()
    except OSError as error:
        return Charts(None, f"The chart library cannot be read ({error.strerror}): {FIX}.")
    if hashlib.sha256(body).hexdigest() != sha256:
        return Charts(None, f"The chart library is not the version that was reviewed (its hash differs), so it is not served: {FIX}.")
    return Charts(Asset(body, _JS), "")
