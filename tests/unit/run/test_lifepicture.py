from pipeline.engine.lifecycle import TABLE, Status
from pipeline.run.keytable import insert
from pipeline.run.lifepicture import BEGIN, DOCUMENT, END, main, picture


def test_the_document_holds_the_picture_as_the_code_makes_it():
    text = DOCUMENT.read_text("utf-8")
    assert insert(text, picture(), BEGIN, END) == text, "run: python -m pipeline.run.lifepicture --write"


def test_every_pair_of_the_table_is_in_it():
    lines = picture().splitlines()
    cells = [cell.strip() for line in lines if line.startswith("| ") for cell in line.strip("|").split("|")[1:]]
    assert sum(cell != "" for cell in cells) == len(TABLE) + len(Status)


def test_it_prints(capsys):
    assert main([]) == 0
    assert "stateDiagram" in capsys.readouterr().out
