from __future__ import annotations

import dataclasses

import pytest

from pipeline.run.turn import Pace, Pending


def test_two_turns_share_nothing():
    one, other = Pending(), Pending()
    one.entries.append(("stream", (1, 0), {}))
    assert other.entries == other.hashes == other.samples == other.shown == []


def test_a_pace_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Pace().batch = 1
