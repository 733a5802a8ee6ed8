"""The key table shows the whole schema."""

from __future__ import annotations

import pytest

from pipeline.core.errors import Refused
from pipeline.core.schema import HASHES, LISTS, SERIES, STREAMS
from pipeline.run import keytable


def test_every_key_of_the_schema_is_in_the_table_once():
    rows = keytable.table().splitlines()[2:]
    names = [row.split("|")[2].strip().strip("`") for row in rows]
    assert sorted(names) == sorted(
        [*(s.name for s in STREAMS), *(s.template for s in SERIES), *(h.template for h in HASHES), *(k.name for k in LISTS)]
    )
    assert all(row.count("|") == 7 for row in rows)


def test_the_table_goes_between_the_marks_and_nowhere_else():
    document = f"head\n{keytable.BEGIN}\nold\n{keytable.END}\ntail\n"
    once = keytable.insert(document, "new")
    assert once == f"head\n{keytable.BEGIN}\nnew\n{keytable.END}\ntail\n"
    assert keytable.insert(once, "new") == once


@pytest.mark.parametrize("document", ["", keytable.BEGIN, keytable.END, f"{keytable.END} {keytable.BEGIN}"])
def test_a_document_without_its_marks_is_refused(document: str):
    with pytest.raises(Refused):
        keytable.insert(document, "x")


def test_it_prints(capsys: pytest.CaptureFixture[str]):
    assert keytable.main([]) == 0
    assert "`symbol:{symbol}`" in capsys.readouterr().out
