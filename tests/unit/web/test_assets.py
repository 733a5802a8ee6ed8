"""The chart library is served only when it is the reviewed one; the wheel is never imported."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import pytest

from web import assets

WEB = Path(assets.__file__).parent


def wheel(folder: Path, body: bytes | None) -> list[str]:
    package = folder / "lightweight_charts"
    (package / "js").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('must not be imported')")
    if body is not None:
        (package / "js" / "lightweight-charts.js").write_bytes(body)
    return [str(folder)]


def test_the_installed_library_is_the_reviewed_one():
    found = assets.find_charts()
    if not found.is_usable:
        pytest.skip(found.problem)
    assert "lightweight_charts" not in sys.modules
    assert b"Lightweight Charts" in found.asset.body[:200]


def test_found_by_path_and_hash(tmp_path):
    body = b"chart"
    found = assets.find_charts(wheel(tmp_path, body), hashlib.sha256(body).hexdigest())
    assert found.asset == assets.Asset(body, "text/javascript")


@pytest.mark.parametrize(("body", "word"), [(b"chart!", "hash"), (None, "cannot be read")])
def test_another_file_is_not_served_and_says_what_to_do(tmp_path, body, word):
    found = assets.find_charts(wheel(tmp_path, body), hashlib.sha256(b"chart").hexdigest())
    assert not found.is_usable
    assert word in found.problem
    assert "make setup" in found.problem


def test_missing_says_what_to_do(tmp_path):
    found = assets.find_charts([str(tmp_path)])
    assert not found.is_usable
    assert "not installed" in found.problem
    assert "make setup" in found.problem


def test_all_files_of_the_page_are_served():
    served = assets.page_assets()
    scripts = {f"/{path.name}" for path in WEB.glob("*.js")}
    assert {path for path in served if path.endswith(".js")} == scripts
    assert served["/"] == served["/INDEX.html"]


def test_the_page_holds_no_inline_code_and_no_foreign_address():
    html = (WEB / "INDEX.html").read_text()
    assert not re.findall(r"<script(?![^>]*\bsrc=)", html)
    assert not re.findall(r"\son\w+=|\sstyle=|javascript:", html)
    everything = html + "".join(path.read_text() for path in (*WEB.glob("*.js"), *WEB.glob("*.css")))
    assert set(re.findall(r"https?://[^\s\"'`)<]+", everything)) == {"https://www.tradingview.com/"}


def test_scripts_never_parse_text_as_html():
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment|srcdoc|setAttribute\(\"on"
    for path in WEB.glob("*.js"):
        assert not re.findall(banned, path.read_text()), path.name


def test_the_notice_and_link_of_the_library_stand_on_the_page():
    html = (WEB / "INDEX.html").read_text()
    assert "TradingView Lightweight Charts™" in html
    assert 'href="https://www.tradingview.com/"' in html
