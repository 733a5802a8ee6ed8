import pytest

from pipeline.importers.spec import IMPORTERS, count, number
from pipeline.run.discovery import discover_importers


def test_every_importer_of_the_folder_is_registered_and_tells_itself_apart():
    discover_importers()
    known = dict(IMPORTERS.items())
    assert set(known) == {"nse-cm", "nse-udiff", "yahoo"}
    for name, importer in known.items():
        assert importer.about
        assert importer.caveat
        assert not [other for other in known if other != name and known[other].columns <= importer.columns]


def test_numbers():
    assert (number(" 1.5 "), count("12.0"), count("7")) == (1.5, 12, 7)
    for bad in ("", "null", "x"):
        with pytest.raises(ValueError, match="could not convert"):
            number(bad)
    for bad in ("1.5", "1e300"):
        with pytest.raises(ValueError, match="no whole number"):
            count(bad)
    for bad in ("nan", "inf"):
        with pytest.raises(ValueError, match="no price"):
            number(bad)
