from pipeline.broker.quarantine import Quarantine


def test_a_frame_is_kept_as_it_came(tmp_path):
    kept = Quarantine(tmp_path / "q")
    kept.keep(b"\x00\xff", "not_protobuf")
    kept.keep("text", "text")
    files = sorted((tmp_path / "q").iterdir())
    assert [f.name for f in files] == ["00000001-not_protobuf.bin", "00000002-text.bin"]
    assert files[0].read_bytes() == b"\x00\xff"
    assert kept.kept == 2


def test_a_reason_cannot_leave_the_folder(tmp_path):
    Quarantine(tmp_path / "q").keep(b"x", "../../etc/PASSWD")
    assert [f.name for f in (tmp_path / "q").iterdir()] == ["00000001-______etc_passwd.bin"]


def test_the_newest_stay_and_numbers_go_on(tmp_path):
    for _ in range(2):
        kept = Quarantine(tmp_path, max_files=3)
        for n in range(4):
            kept.keep(bytes([n]), "r")
    names = sorted(f.name for f in tmp_path.iterdir())
    assert names == ["00000006-r.bin", "00000007-r.bin", "00000008-r.bin"]


def test_bytes_are_bounded(tmp_path):
    kept = Quarantine(tmp_path, max_bytes=100)
    for _ in range(5):
        kept.keep(b"x" * 60, "r")
    kept.keep(b"y" * 1_000, "r")
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= 100


def test_a_disk_that_refuses_is_counted(tmp_path):
    (tmp_path / "q").write_text("a file, not a folder")
    kept = Quarantine(tmp_path / "q")
    kept.keep(b"x", "r")
    assert (kept.kept, kept.lost) == (0, 1)
