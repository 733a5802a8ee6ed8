"""Print the Redis schema as a Markdown table, and keep the copies in the documents equal to the code.

    python -m pipeline.run.keytable            print the table
    python -m pipeline.run.keytable --write    put it between the marks in the documents

A document asks for the table with the two marks below; a house test holds each copy against the code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.errors import Refused
from pipeline.core.schema import DAY_MS, DEFAULT_DATABASE, HASHES, LISTS, SERIES, STREAMS, Role, Stream

BEGIN = "<!-- BEGIN KEYS: made by `python -m pipeline.run.keytable --write`, do not edit -->"
END = "<!-- END KEYS -->"
DOCUMENTS = ("README.md", "docs/redis.md")
ROOT = Path(__file__).resolve().parents[2]


def table() -> str:
    """Return the whole table: database, key, type, writer, retention, meaning."""
    head = "| DB | key | type | writer | kept | what |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in sorted(_rows(), key=lambda row: row[0]))])


def _rows() -> Iterator[tuple[str, ...]]:
    for stream in STREAMS:
        kind = "stream, packed" if stream.packed else "stream"
        yield _database(stream.role), f"`{stream.name}`", kind, stream.writer, _kept(stream), stream.about
    for series in SERIES:
        yield _database(series.role), f"`{series.template}`", "TimeSeries", "", f"{series.retention_ms // DAY_MS} days", series.about
    for family in HASHES:
        yield _database(family.role), f"`{family.template}`", "hash", "", "", family.about
    for key in LISTS:
        yield _database(key.role), f"`{key.name}`", "list", "", "", key.about


def _database(role: Role | None) -> str:
    return "any" if role is None else str(DEFAULT_DATABASE[role])


def _kept(stream: Stream) -> str:
    return "for good" if stream.is_durable else f"{stream.keep:,} entries"


def insert(document: str, text: str, begin_mark: str = BEGIN, end_mark: str = END) -> str:
    """Return the document with the text between its marks.

    Raises:
        Refused: the marks are missing or in the wrong order.
    """
    head, begin, rest = document.partition(begin_mark)
    _, end, tail = rest.partition(end_mark)
    if not begin or not end:
        raise Refused(f"the document lacks the marks {begin_mark} ... {end_mark}")
    return f"{head}{begin_mark}\n{text}\n{end_mark}{tail}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print, or write with ``--write``."""
    arguments = sys.argv[1:] if argv is None else argv
    if "--write" not in arguments:
        sys.stdout.write(table() + "\n")
        return 0
    for name in DOCUMENTS:
        path = ROOT / name
        text = path.read_text("utf-8")
        if BEGIN in text:
            path.write_text(insert(text, table()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
