"""The document's copy of the checks equals the register, and every limit of risk.toml is read by somebody."""

from __future__ import annotations

from dataclasses import fields

from pipeline.core.params import RiskParams
from pipeline.engine.risk import CHECKS
from pipeline.run.keytable import ROOT, insert
from pipeline.run.risktable import BEGIN, DOCUMENT, END, main, table


def test_the_document_holds_the_table_as_the_code_makes_it():
    text = (ROOT / DOCUMENT).read_text("utf-8")
    assert insert(text, table(), BEGIN, END) == text, "run: python -m pipeline.run.risktable --write"


def test_every_check_has_its_row(capsys):
    assert main([]) == 0
    assert [line.split("`")[1] for line in capsys.readouterr().out.splitlines()[2:]] == [one.code for one in CHECKS]


def test_every_limit_is_read_by_the_checks_the_sizing_or_the_page():
    engine = "".join((ROOT / "pipeline" / name).read_text("utf-8") for name in READERS)
    assert [f.name for f in fields(RiskParams) if f".{f.name}" not in engine] == []


READERS = ("engine/checks_market.py", "engine/checks_account.py", "engine/facts.py", "engine/sizing.py", "jobs/portfolio.py")
