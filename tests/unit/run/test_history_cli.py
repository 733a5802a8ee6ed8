import importlib

import pytest

from pipeline.run import cli

LINES = ("start", "fetch", "fetch RELIANCE TCS --candle 5m --from 2026-01-01 --to 2026-02-01 --again", "import a.csv b.zip --symbols X Y --again", "import a.csv --symbol X", "adjust a.csv --source nse --force X:2010-01-01", "list", "check", "check X --source nse --candle 1d --all")  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_every_sub_verb_is_known_and_its_module_exists(line):
    args = cli.parser().parse_args(["history", *line.split(), "--json"])
    assert callable(importlib.import_module(args.module).main)
    assert args.json is True


@pytest.mark.parametrize("line", ["", "backfill", "import", "adjust", "fetch --from soon", "fetch --to 2026-13-01"])
def test_wrong_usage_is_exit_2(line, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.parser().parse_args(["history", *line.split()])
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err
