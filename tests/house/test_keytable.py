"""The documents' copies of the key table equal the code."""

from __future__ import annotations

import pytest

from pipeline.run.keytable import BEGIN, DOCUMENTS, ROOT, insert, table


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_hold_the_table_as_the_code_makes_it(name: str):
    text = (ROOT / name).read_text("utf-8")
    assert BEGIN in text, f"{name} has no key table"
    assert insert(text, table()) == text, "run: python -m pipeline.run.keytable --write"
