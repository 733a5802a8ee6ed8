"""The half that thinks touches no clock, chance, environment, file, socket, event loop, log or Redis."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = ("core", "kernels", "indicators", "patterns", "signals", "strategies", "market", "engine", "jobs")
MODULES = {
    "asyncio", "fcntl", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "redis", "secrets", "select",
    "shutil", "signal", "socket", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "aiohttp", "websockets",
}  # fmt: skip
CALLS = {"open", "input", "print", "exec", "eval", "hash", "id"}
ATTRIBUTES = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("np", "random")}
EXCUSE = "# pure-ok:"

FILES = [path for folder in PURE for path in sorted((ROOT / "pipeline" / folder).rglob("*.py"))]


def offences(path: Path) -> list[str]:
    text = path.read_text()
    lines = text.splitlines()
    out = []
    for node in ast.walk(ast.parse(text)):
        what = None
        if isinstance(node, ast.Import):
            what = next((a.name for a in node.names if a.name.split(".")[0] in MODULES), None)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.module.split(".")[0] in MODULES:
            what = node.module
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            what = node.func.id + "()"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in ATTRIBUTES:
            what = f"{node.value.id}.{node.attr}"
        if what is not None and EXCUSE not in lines[node.lineno - 1]:
            out.append(f"{path.relative_to(ROOT)}:{node.lineno} uses {what}")
    return out


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT / "pipeline")))
def test_pure(path: Path):
    assert offences(path) == []


def test_the_ban_bites(tmp_path, monkeypatch):
    bad = ROOT / "pipeline" / "core" / "errors.py"
    sample = tmp_path / "bad.py"
    sample.write_text(bad.read_text() + "\nimport time\nx = open('f')\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert len(offences(sample)) == 2
