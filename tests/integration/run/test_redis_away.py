"""Redis goes away in the middle of a day and comes back: nothing committed is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal

import pytest

from pipeline.store.server import start
from tests.integration.run.test_day import Disturbed, headless

pytestmark = pytest.mark.xdist_group("processes")


@pytest.mark.timeout(300)
def test_a_killed_redis_comes_back_and_the_day_ends_the_same(redis_server, tmp_path):
    (tmp_path / "quiet").mkdir()
    expected = headless(tmp_path / "quiet")["digests"]
    run = Disturbed(tmp_path, "--hold", fsync="always")
    try:
        run.wait(lambda: run.share() >= 0.4)
        assert run.server.proc is not None
        os.kill(run.server.proc.pid, signal.SIGKILL)
        run.server.proc.wait()
        run.server = start(tmp_path / "redis", port=run.server.port, fsync="always")
        assert run.summary()["digests"] == expected
        told = (tmp_path / "logs" / "errors.log").read_text()
        assert "Redis is away" in told
        assert "Traceback" not in told
    finally:
        run.close()
