"""Imports point down, and there is no circle."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = {
    "pipeline.core": 1,
    "pipeline.kernels": 1,
    "pipeline.indicators": 2,
    "pipeline.patterns": 2,
    "pipeline.market": 2,
    "pipeline.signals": 2,
    "pipeline.strategies": 2,
    "pipeline.engine": 2,
    "pipeline.store": 2,
    "pipeline.archive": 2,
    "pipeline.importers": 2,
    "authentication": 2,
    "proto": 2,
    "pipeline.jobs": 3,
    "pipeline.broker": 3,
    "pipeline.simulator": 3,
    "pipeline.run": 4,
    "web": 5,
    "scripts": 6,
}
# The window and the shell meet in one place: the shell starts the dashboard as it starts every process.
DOORS = {("pipeline.run", "web")}
FORBIDDEN = {
    ("pipeline.jobs", "pipeline.store"),
    ("pipeline.jobs", "pipeline.broker"),
    ("pipeline.jobs", "pipeline.simulator"),
    ("authentication", "pipeline.broker"),
}


def package_of(module: str) -> str | None:
    known = [name for name in FLOORS if module == name or module.startswith(name + ".")]
    return max(known, key=len) if known else None


def modules() -> dict[str, Path]:
    out = {}
    for top in ("pipeline", "authentication", "web", "scripts", "proto"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            out[name.removesuffix(".__init__")] = path
    return out


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            found |= {f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in known else node.module for a in node.names}
    return {f for f in found if f in known and f != name}


def test_imports_point_down():
    known = modules()
    wrong = []
    for name, path in known.items():
        here = package_of(name)
        for target in imports(name, path, known):
            there = package_of(target)
            if here is None or there is None or here == there:
                continue
            if (FLOORS[there] > FLOORS[here] and (here, there) not in DOORS) or (here, there) in FORBIDDEN:
                wrong.append(f"{name} imports {target}")
    assert not wrong, wrong


def test_no_circle():
    known = modules()
    graph = {name: imports(name, path, known) for name, path in known.items()}
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for target in sorted(graph[name]):
                walk(target, (*trail, name))
            done.add(name)

    for name in graph:
        walk(name, ())
