import json
import os

import pytest

from pipeline.core.errors import Stopped
from pipeline.store.chainfile import ZERO, Broken, ChainWriter, Head, links, verify

ROWS = [
    {"kind": "record", "stream": "orders", "id": f"{n}-0", "record": {"symbol": "M&M", "words": 'said "no"', "px": 0.1 * n}}
    for n in range(5)
]


@pytest.fixture
def path(tmp_path):
    writer = ChainWriter(tmp_path / "a" / "audit.jsonl")
    writer.append(ROWS[:2])
    writer.append([])
    writer.append(ROWS[2:])
    writer.close()
    return writer.path


def test_what_was_written_is_read_back_in_order(path):
    rows = [row for _, row in links(path.read_bytes())]
    assert [{k: v for k, v in row.items() if k not in ("n", "prev")} for row in rows] == ROWS
    assert [row["n"] for row in rows] == [0, 1, 2, 3, 4]
    found = verify(path.read_bytes())
    assert (found.head.lines, found.broken, found.torn_bytes) == (5, "", 0)
    assert all(json.loads(line) for line in path.read_text().splitlines()), "any program can read it"
    assert path.stat().st_mode & 0o777 == 0o600
    assert verify(b"").head == Head(0, ZERO)


def test_every_single_flipped_byte_is_found_and_its_record_named(path):
    content = path.read_bytes()
    ends = [at for at, byte in enumerate(content) if byte == ord("\n")]
    for at in range(len(content)):
        for bit in (1, 32):
            changed = bytearray(content)
            changed[at] ^= bit
            found = verify(bytes(changed))
            number = sum(end < at for end in ends)
            if at == len(content) - 1 or (changed[at] == ord("\n") and number == 4):
                assert found.head.lines == 4, "the last line lost its end: it counts as torn, and shows against the head kept elsewhere"
            else:
                assert found.broken.startswith(f"record {number} "), (at, bit, found)


@pytest.mark.parametrize("edit", ["drop", "swap", "double", "insert"])
def test_a_record_left_out_put_in_or_moved_is_found(path, edit):
    lines = path.read_bytes().splitlines(keepends=True)
    if edit == "drop":
        del lines[2]
    elif edit == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    elif edit == "double":
        lines.insert(2, lines[1])
    else:
        lines.insert(2, b'{"n":2,"prev":"x","hash":"y"}\n')
    assert "record" in verify(b"".join(lines)).broken


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_torn_tail_is_cut_off_and_the_chain_goes_on(path, cut):
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    writer = ChainWriter(path)
    assert writer.head.lines == len(writer.rows) == 4
    assert writer.torn_bytes == len(content.splitlines(keepends=True)[-1]) - cut
    writer.append(ROWS[4:])
    writer.close()
    assert path.read_bytes() == content, "the same record has the same line"


def test_nothing_is_added_to_a_broken_file(path):
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(Broken, match="record 0 is not what was written"):
        ChainWriter(path)
    assert path.read_bytes() == bytes(content)


def test_two_writers_are_refused(path):
    first = ChainWriter(path)
    with pytest.raises(Stopped, match="being written by another"):
        ChainWriter(path)
    first.close()
    ChainWriter(path).close()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Stopped, match="cannot be written"):
        ChainWriter(tmp_path / "file" / "audit.jsonl")


def test_what_append_returned_from_survives_a_kill(tmp_path):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        writer = ChainWriter(tmp_path / "k.jsonl")
        while True:
            writer.append(ROWS)
            os.write(write, b"%d\n" % writer.head.lines)
    promised = 0
    while promised < 50:
        promised = int(os.read(read, 4096).split()[-1])
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    writer = ChainWriter(tmp_path / "k.jsonl")
    assert writer.head.lines >= promised
    writer.close()
