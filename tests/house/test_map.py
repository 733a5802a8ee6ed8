"""Every source file has its test file; rooms stay small enough to hold in the head."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400
MAX_FUNCTION = 60
SOURCES = sorted(path for top in ("pipeline", "authentication", "web") for path in (ROOT / top).rglob("*.py") if path.name != "__init__.py")
TEST_LAYERS = ("unit", "integration", "exam", "property", "house", "security")


def mirrors_of(path: Path) -> list[Path]:
    relative = path.relative_to(ROOT)
    inside = relative.relative_to("pipeline") if relative.parts[0] == "pipeline" else relative
    name = f"test_{path.stem}.py"
    return [p for layer in TEST_LAYERS if (p := ROOT / "tests" / layer / inside.parent / name).exists()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_has_its_test(path: Path):
    assert mirrors_of(path), f"no test file for {path.relative_to(ROOT)}: make tests/unit/<folder>/test_{path.stem}.py"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_is_small(path: Path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES, "split this room"
    long = [
        f"{node.name} has {size} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or 0) - node.body[_doc(node)].lineno + 1) > MAX_FUNCTION
    ]
    assert not long, long


def _doc(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return 1 if has_doc and len(node.body) > 1 else 0
