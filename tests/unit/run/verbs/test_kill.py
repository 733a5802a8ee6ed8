import io

from pipeline.run import cli

LOCAL = "http://127.0.0.1:9"


def test_paper_has_no_broker_to_ask(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path))
    assert cli.main(["kill", "--yes-kill-everything"]) == 4
    assert "`flatten` closes everything there is" in capsys.readouterr().err
    assert not (tmp_path / "HALT").exists()


def test_what_is_not_typed_is_not_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path))
    monkeypatch.setenv("TICKTICK__MODE", "simulated")
    for name in ("REST", "ORDER"):
        monkeypatch.setenv(f"TICKTICK__UPSTOX__{name}_URL", LOCAL)
    for typed in ("", "y\n", "kill\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert cli.main(["kill"]) == 4
        told = capsys.readouterr().err
        assert "also what was traded by hand" in told
        assert "nothing was done" in told
    assert not (tmp_path / "HALT").exists()
