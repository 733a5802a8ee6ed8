from __future__ import annotations

import pytest

from pipeline.core.errors import Refused
from pipeline.core.registry import INDICATORS, PATTERNS, STRATEGIES
from pipeline.core.schema import STREAMS
from pipeline.run.discovery import job_named, jobs


def test_every_registry_is_filled():
    assert jobs()
    for registry, least in ((INDICATORS, 8), (PATTERNS, 5), (STRATEGIES, 1)):
        assert len(registry.names()) >= least


def test_each_stream_of_a_job_has_that_job_as_writer():
    for name, job in jobs().items():
        assert {s.writer for s in job.writes} == {name}
        assert len({s.role for s in job.writes}) == 1, "outputs of a job lie in one role"
        assert len({s.record for s in job.writes}) == len(job.writes), "a record type names its stream"


def test_every_stream_has_a_writer_that_exists():
    people = {"terminal", "page", "people"}
    assert {s.writer for s in STREAMS} - people == set(jobs())


def test_unknown_job_names_the_nearest():
    with pytest.raises(Refused, match="did you mean 'orders'"):
        job_named("order")
