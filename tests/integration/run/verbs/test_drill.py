"""The drill for real: simulator, Redis, processes, a string; nothing of the user's is touched."""

from __future__ import annotations

import json

import pytest

from pipeline.run.verbs.drill import STRINGS
from tests.fakes.doors import Doors, environment, verb

pytestmark = pytest.mark.xdist_group("processes")


def rehearse(tmp_path, *words):
    """Run a drill with settings whose Redis is away; give its figures."""
    home = tmp_path / "home"
    own = {f"paths__{name}": home / name for name in ("data", "audit", "archive", "recordings")}
    slow = {"emergency__drill_last_order_ms": 5_000, "emergency__drill_flat_s": 35}  # the shipped bounds are for a quiet machine
    env = environment(home, redis__host="127.0.0.1", redis__port=1, **own, **slow) | {"TMPDIR": str(tmp_path)}
    with Doors(tmp_path) as doors:
        door = doors.open(verb("drill", *words, "--json"), env)
        code = door.wait(600)
        assert "Traceback" not in door.err
        found = json.loads(door.out)
    assert not home.exists(), "no log, no audit, nothing"
    assert not list(tmp_path.glob("ticktick-drill-*")), "the stage is gone"
    return code, found["figures"]


@pytest.mark.timeout(200)
def test_two_strings_pass(tmp_path):
    code, figures = rehearse(tmp_path, "page-kill", "command")
    assert [f["name"] for f in figures] == ["page-kill", "command"]
    for figure in figures:
        assert figure["trouble"] == ""
        assert figure["positions"] >= 3
        assert figure["orders"] >= 1
        assert 0 < figure["last_order_ms"] <= figure["flat_ms"]
    assert code == 0, figures


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_every_string_three_times(tmp_path):
    code, figures = rehearse(tmp_path, "--times", "3")
    assert [f["name"] for f in figures] == list(STRINGS) * 3
    assert code == 0, figures
