"""A kernel calls kernels of its own file and of ``pipeline/kernels`` only.

Numba inlines what a kernel calls and dates the disk cache by the caller's file; ``kernels/jit.py`` adds the
stamp of its own folder. A call into any other file would leave stale machine code behind when that file changes.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def kernels_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and any(_is_kernel(d) for d in node.decorator_list)}


def _is_kernel(decorator: ast.expr) -> bool:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(named, ast.Name) and named.id == "kernel"


def test_kernels_call_only_their_own_file_and_the_shared_folder():
    found = {path: kernels_of(path) for path in sorted((ROOT / "pipeline").rglob("*.py"))}
    outside = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): names
        for path, names in found.items()
        if names and path.parent.name != "kernels"
    }
    assert outside
    wrong = []
    for path in (p for p, names in found.items() if names):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in outside:
                called = outside[node.module] & {alias.name for alias in node.names} & _called_in_kernels(path)
                wrong += [f"{path.relative_to(ROOT)} calls {node.module}.{name} in a kernel" for name in sorted(called)]
    assert not wrong, wrong


def _called_in_kernels(path: Path) -> set[str]:
    names = kernels_of(path)
    bodies = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef) and n.name in names]
    return {c.func.id for body in bodies for c in ast.walk(body) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}
