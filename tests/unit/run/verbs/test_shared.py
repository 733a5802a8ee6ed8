"""What the verbs share."""

from __future__ import annotations

import argparse

from pipeline.core.schema import Role
from pipeline.run.redaction import forget_secrets, redact
from pipeline.run.verbs import shared


def test_one_url_serves_three_roles():
    assert shared.role_urls("redis://h:1/") == {"candles": "redis://h:1/0", "ticks": "redis://h:1/1", "derived": "redis://h:1/2"}


def test_the_command_line_goes_over_the_settings_and_its_password_is_hidden():
    settings = shared.settings_for(argparse.Namespace(redis_url="redis://:verysecret@h:1"))
    assert settings.redis.urls()[Role.TICKS] == "redis://:verysecret@h:1/1"
    assert "verysecret" not in redact("it was verysecret")
    forget_secrets()
