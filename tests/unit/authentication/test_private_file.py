import os
import threading

import pytest

from authentication.private_file import MAX_BYTES, locked, read_private, write_private
from pipeline.core.errors import Refused


def test_what_is_written_is_read_with_mode_0600(tmp_path):
    path = tmp_path / "deep" / "secret.json"
    write_private(path, b"abc")
    assert read_private(path) == b"abc"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["secret.json"]


def test_a_strange_umask_changes_nothing(tmp_path):
    old = os.umask(0o277)
    try:
        write_private(tmp_path / "s", b"x")
    finally:
        os.umask(old)
    assert (tmp_path / "s").stat().st_mode & 0o7777 == 0o600


def test_absent_is_none(tmp_path):
    assert read_private(tmp_path / "none") is None


def test_a_link_or_a_folder_is_refused(tmp_path):
    write_private(tmp_path / "real", b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Refused, match="not a link"):
        read_private(tmp_path / "link")
    with pytest.raises(Refused):
        read_private(tmp_path)


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(Refused, match="no plain file"):
        read_private(tmp_path / "pipe")


def test_too_large_is_refused_both_ways(tmp_path):
    path = tmp_path / "big"
    with pytest.raises(Refused):
        write_private(path, b"x" * (MAX_BYTES + 1))
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    path.chmod(0o600)
    with pytest.raises(Refused, match="larger"):
        read_private(path)


def test_a_leftover_temporary_file_is_no_obstacle(tmp_path):
    path = tmp_path / "s"
    (tmp_path / f".s.{os.getpid()}.tmp").write_bytes(b"half")
    write_private(path, b"whole")
    assert read_private(path) == b"whole"


def test_the_lock_keeps_changes_apart(tmp_path):
    path = tmp_path / "n"
    write_private(path, b"0")

    def add() -> None:
        for _ in range(10):
            with locked(path):
                write_private(path, str(int(read_private(path) or b"0") + 1).encode())

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_private(path) == b"30"
