"""The doors hold no logic: tiny, all alike, and they open from either folder."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.run.processes import ALIASES, PROCESSES

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
LOGIC = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.With, ast.Lambda, ast.ListComp, ast.IfExp)
MAX_LINES = 20


def test_the_promised_names_are_there():
    assert {*PROCESSES, *ALIASES, "oauth_get_token"} == {path.stem for path in SCRIPTS}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_a_door_is_tiny_and_has_no_logic(path: Path):
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(tree)
    assert not [node for node in ast.walk(tree) if isinstance(node, LOGIC)]
    assert sum(isinstance(node, ast.If) for node in ast.walk(tree)) == 1


@pytest.mark.parametrize("path", [p for p in SCRIPTS if p.stem != "oauth_get_token"], ids=lambda p: p.stem)
def test_a_door_leads_to_its_process(path: Path):
    wanted = ALIASES.get(path.stem, path.stem)
    assert path.read_text().rstrip().endswith(f'run_script("{wanted}")')


@pytest.mark.parametrize(("folder", "script"), [(ROOT / "scripts", "portfolio.py"), (ROOT, "scripts/protofolio.py")])
def test_a_door_opens_from_either_folder_and_says_in_one_line_what_is_missing(folder: Path, script: str):
    env = {"PATH": "/usr/bin:/bin", "REDIS_PORT": "1", "TICKTICK__SESSION_DATE": "2026-11-20", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, script], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "no Redis answers at localhost:1" in done.stderr.splitlines()[-1]
