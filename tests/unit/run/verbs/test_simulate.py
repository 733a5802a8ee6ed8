"""`ticktick simulate`: flags become the simulator's terms, and the file for the other terminals is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.errors import Refused
from pipeline.run import cli
from pipeline.run.settings import load
from pipeline.run.verbs import simulate

LINE = "simulate --seed 3 --session short --speed max --hold --port 0 --date 2026-11-19"


def test_flags_reach_the_simulator():
    args = cli.parser().parse_args(LINE.split())
    config = simulate.config_of(args)
    assert (config.seed, config.session, config.speed, config.hold, config.port, config.date) == (3, "short", 0.0, True, 0, "2026-11-19")


def test_a_maker_without_its_file_is_refused():
    with pytest.raises(Refused, match="needs a file"):
        simulate.config_of(cli.parser().parse_args(["simulate", "--maker", "player"]))


def test_its_overrides_are_settings_that_load(tmp_path: Path):
    settings = load(environ={}, overrides=simulate.overrides("http://127.0.0.1:5", "generated seed 7", "2026-11-20", tmp_path))
    assert settings.upstox.rest_url == settings.upstox.assets_url == "http://127.0.0.1:5"
    assert settings.session_date == "2026-11-20"
    assert settings.maker == "generated seed 7"
    assert settings.paths.token.parent == tmp_path
