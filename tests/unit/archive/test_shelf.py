import os
import signal

import pytest

from pipeline.archive.shelf import Note, Series, Shelf, put_text
from pipeline.core.errors import Corrupt, Refused
from tests.fakes.archive import DAY, MINUTE, STOCK, days_of, minutes_of, shelf_with

SERIES = Series("upstox", MINUTE, "RELIANCE")
SPAN = ("2026-11-18", "2026-11-19")


def test_what_was_put_comes_back_bit_for_bit(tmp_path):
    rows = minutes_of(*SPAN)
    shelf = shelf_with(tmp_path, rows[::-1], "2026-11", covered=(SPAN,))
    assert shelf.read(SERIES, SPAN).tobytes() == rows.tobytes()
    assert shelf.read(SERIES, (SPAN[1], SPAN[1])).tobytes() == rows[375:].tobytes()
    assert len(shelf.read(SERIES, ("2020-01-01", "2020-12-31"))) == 0
    (part,) = shelf.parts(SERIES)
    assert (part.rows, part.first_ms, part.last_ms, part.why) == (750, int(rows["ts"][0]), int(rows["ts"][-1]), "")
    assert part.note == Note(STOCK.instrument_key, covered=(SPAN,))
    assert shelf.covered(SERIES) == [SPAN]


def test_every_series_is_listed_by_its_own_name(tmp_path):
    shelf = Shelf(tmp_path, "Upstox")
    names = ("NIFTY 50", "M&M", "BAJAJ-AUTO", "../evil", "a/b.c")
    with shelf.writing():
        for name in names:
            shelf.put(Series("nse", DAY, name), "2026", days_of({"2026-11-19": 5.0}), Note())
    assert {s.symbol for s in shelf.series()} == set(names)
    assert all(tmp_path in p.resolve().parents for p in tmp_path.rglob("*.parquet"))


def test_every_flipped_byte_and_every_cut_is_told(tmp_path):
    rows = minutes_of("2026-11-19")[:5]
    shelf = shelf_with(tmp_path, rows, "2026-11", covered=(SPAN,))
    path = shelf.folder(SERIES) / "2026-11.parquet"
    good = path.read_bytes()
    spoilt = [good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :] for at in range(len(good))]
    for bad in [*spoilt, *(good[:at] for at in range(0, len(good), 50))]:
        path.write_bytes(bad)
        (part,) = shelf.parts(SERIES)
        assert part.why == "its bytes are not those that were written"
        assert part.note.covered == ()
        with pytest.raises(Corrupt, match="history fetch"):
            shelf.read_part(SERIES, "2026-11")
    assert shelf.put_aside(SERIES, "2026-11").exists()
    assert shelf.parts(SERIES) == []


def test_a_kill_at_any_moment_leaves_a_whole_part(tmp_path):
    old, new = minutes_of("2026-11-18"), minutes_of(*SPAN)
    shelf = shelf_with(tmp_path, old, "2026-11")
    for n in range(12):
        pid = os.fork()
        if pid == 0:
            with shelf.writing():
                while True:
                    shelf.put(SERIES, "2026-11", new if n % 2 else old, Note())
        try:
            os.waitpid(pid, os.WNOHANG)
            for _ in range(n):
                assert len(shelf.read_part(SERIES, "2026-11")[0]) in (375, 750)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        assert shelf.read_part(SERIES, "2026-11")[0].tobytes() in (old.tobytes(), new.tobytes())
    assert len(shelf.series()) == 1


def test_one_writer_and_one_maker(tmp_path):
    shelf = shelf_with(tmp_path, minutes_of("2026-11-19"), "2026-11")
    with shelf.writing(), pytest.raises(Refused, match="another process is writing"), Shelf(tmp_path, "Upstox").writing():
        pass
    with pytest.raises(Refused, match="holds candles of 'Upstox', not of 'generated seed 7'"):
        Shelf(tmp_path, "generated seed 7").require_maker()
    with pytest.raises(Refused, match="holds candles of"), Shelf(tmp_path, "generated seed 7").writing():
        pass
    with pytest.raises(Refused, match="cannot be written"), Shelf(tmp_path / "MAKER" / "x", "Upstox").writing():
        pass


def test_a_text_is_put_whole(tmp_path):
    put_text(tmp_path / "a" / "t.csv", "x\n")
    assert (tmp_path / "a" / "t.csv").read_text() == "x\n"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["t.csv"]
