from pipeline.run.cli import parser
from pipeline.run.drill import Figure
from pipeline.run.settings import load
from pipeline.run.verbs.drill import MEANS, STRINGS, table

GOOD = Figure("page", 5, 0, 0, 5, 480, 900)
LATE = Figure("file", 5, 2, 900, 7, 950, 1200)


def test_the_names_of_the_command_line_are_the_strings():
    assert list(STRINGS) == list(MEANS)
    assert parser().parse_args(["drill", *STRINGS]).strings == list(STRINGS)
    assert parser().parse_args(["drill"]).strings == []


def test_the_table_says_how_it_went():
    settings = load(environ={})
    passed, failed = table([GOOD], settings), table([GOOD, LATE], settings)
    assert passed.splitlines()[-1].startswith("PASS: last entry within 500 ms, flat within 10 s")
    assert failed.splitlines()[-1].startswith("FAIL")
    assert ["FAIL" in line for line in failed.splitlines()] == [False, False, True, True]
    assert "none" in passed
