import importlib.util

import pytest

from pipeline.broker.quota import ReadBudget
from pipeline.run.progress import Bar, left


def shown(capsys, **given):
    bar = Bar("history", ReadBudget(), **given)
    bar.show(1, 2, "X 1m")
    bar.show(2, 2, "Y 1m")
    bar.close()
    return capsys.readouterr().err


def test_silent_or_plain_lines_without_a_terminal(capsys):
    assert shown(capsys) == ""
    assert shown(capsys, lines_s=60.0).splitlines() == ["history: 1/2 X 1m 0 reads, 0 s left", "history: 2/2 Y 1m 0 reads"]


@pytest.mark.parametrize("has_rich", [True, False])
def test_a_bar_on_a_terminal(monkeypatch, capsys, has_rich):
    if has_rich and importlib.util.find_spec("rich") is None:
        pytest.skip("rich is not installed")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    if not has_rich:
        monkeypatch.setattr("pipeline.run.progress.importlib.util.find_spec", lambda _name: None)
    found = shown(capsys)
    assert "2/2" in found
    assert "Y 1m" in found
    assert "0 reads" in found


def test_time_left():
    assert (left(0, 5, 9.0), left(5, 5, 9.0)) == ("", "")
    assert (left(1, 2, 30.0), left(1, 5, 31.0)) == (", 30 s left", ", 2 min 04 s left")
