"""What people hold beside us, for the page."""

import json

import pytest

from tests.unit.web.test_views import codes
from web.beside import external

ROWS = [["BSE_EQ|INE9", "TITAN", -10, 3_000_000, -12_500, 0], ["BBB", "BBB", 0, 0, 500, 1]]
FIELDS = {"ts": "7", "rows": json.dumps(ROWS)}


def test_rows_and_one_line():
    shown = external(FIELDS, "simulated")
    assert shown["rows"][0] == {
        "symbol": "BSE_EQ|INE9", "name": "TITAN", "qty": -10, "worth_paise": 3_000_000, "net_paise": -12_500, "is_ours": 0,
    }  # fmt: skip
    assert shown["words"] == "by hand in this account: TITAN -10 (-120.00 today); counted in the limits, never touched"
    assert codes(external=shown) == ["by_hand"]


def test_many_are_counted_and_what_is_closed_says_nothing():
    many = [[f"k{n}", f"P{n}", 1, 0, 0, 0] for n in range(6)]
    assert "P3 +1 and 2 more" in external({"rows": json.dumps(many)}, "simulated")["words"]
    closed = external({"rows": json.dumps(ROWS[1:])}, "simulated")
    assert (len(closed["rows"]), closed["words"], codes(external=closed)) == (1, "", [])


@pytest.mark.parametrize("fields", [{}, {"rows": "[["}, {"rows": "7"}, {"rows": "[[1]]"}])
def test_what_cannot_be_read_shows_nothing(fields):
    assert external(fields, "simulated")["rows"] == []


def test_on_paper_nobody_else_trades():
    assert external(FIELDS, "paper")["rows"] == []
