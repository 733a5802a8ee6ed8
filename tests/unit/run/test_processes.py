"""The table of processes agrees with the jobs, the scripts, supervisord's file and itself."""

from __future__ import annotations

import configparser
from pathlib import Path

from pipeline.run.audit import NAME as AUDIT
from pipeline.run.discovery import jobs
from pipeline.run.processes import ALIASES, ENDS_BY_ITSELF, PROCESSES, WHEN_RECORDING
from pipeline.run.record import NAME as RECORDER

ROOT = Path(__file__).resolve().parents[3]


def test_every_job_has_its_door_and_every_door_its_job():
    assert set(PROCESSES.values()) - {"dashboard", RECORDER, AUDIT} == set(jobs())


def test_jobs_that_name_a_script_name_theirs():
    named = {job.name: job.script for job in jobs().values() if job.script}
    assert named == {job: door for door, job in PROCESSES.items() if job in named}


def test_aliases_and_enders_are_known():
    assert set(ALIASES.values()) <= set(PROCESSES)
    assert set(ENDS_BY_ITSELF) <= set(PROCESSES)
    assert {PROCESSES[door] for door in WHEN_RECORDING} == {RECORDER}


def test_supervisord_runs_every_process_in_this_order():
    conf = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    conf.read(ROOT / "config" / "supervisord.conf")
    programs = {s.removeprefix("program:"): dict(conf[s]) for s in conf.sections() if s.startswith("program:")}
    assert sorted(set(programs) - {"redis"}, key=lambda n: int(programs[n]["priority"])) == list(PROCESSES)
    for name in PROCESSES:
        assert programs[name]["command"] == f"/bin/sh %(here)s/python.sh scripts/{name}.py"
        assert programs[name]["directory"] == "%(here)s/.."
        assert programs[name]["autorestart"] == ("unexpected" if name in ENDS_BY_ITSELF | WHEN_RECORDING else "true")
        assert programs[name]["stdout_logfile"].startswith("%(here)s/../logs/")
