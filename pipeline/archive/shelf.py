"""The archive on disk: ``<root>/<source>/<period>/<symbol>/<part>.parquet``, a part is a month (minutes, hours) or a year.

Reads   rows by series and span of dates; each part's Note, from the file's own footer
Writes  a part at once: a temporary file, fsync, rename, fsync of the folder. A kill leaves the old part or the new one.
Law     what a part covers stands in the part itself; there is no index that could disagree. It is sealed by a
        checksum of its own, looked at before anything is read.
        One writer at a time. An archive belongs to one maker of data: generated candles never lie beside real ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import numpy as np
from blake3 import blake3

from pipeline.archive.period import Period, period_of
from pipeline.archive.soundness import BAR, DAILY
from pipeline.archive.spans import Span
from pipeline.core.errors import Corrupt, Refused
from pipeline.core.session import DAY_MS, Group, ist_ms

if TYPE_CHECKING:
    from numpy.typing import NDArray

META, SEAL_KEY = b"ticktick", b"ticktick.seal"
MARK, BLANK = b"blake3:", b"0" * 64
MAKER_FILE, LOCK_FILE = "MAKER", ".lock"
SUFFIX = ".parquet"


@dataclass(frozen=True, slots=True)
class Series:
    """One paper's candles of one length from one source (``upstox``, or an importer's name)."""

    source: str
    period: Period
    symbol: str

    @property
    def label(self) -> str:
        return f"{self.symbol} {self.period.name} ({self.source})"


@dataclass(frozen=True, slots=True)
class Note:
    """What stands in a part's footer beside its rows."""

    instrument_key: str = ""
    group: Group = Group.EQ
    """Which clock the paper follows."""
    covered: tuple[Span, ...] = ()
    """Dates that were asked for and answered; a date without candles in here has none at the source."""
    refused: tuple[str, ...] = ()
    """Candles of these dates that were not taken, by name."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file, as its footer tells. ``why`` is empty, or says why it cannot be read."""

    series: Series
    name: str
    rows: int = 0
    first_ms: int = 0
    last_ms: int = 0
    bytes: int = 0
    note: Note = field(default_factory=Note)
    why: str = ""


class Shelf:
    """The archive below ``root``; nothing is made or touched before it is asked for."""

    def __init__(self, root: Path, maker: str) -> None:
        self.root = root
        self._maker = maker

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the archive for writing.

        Raises:
            Refused: another writer holds it, it is another maker's, or it cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.root / LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Refused(
                f"the archive {self.root} cannot be written ({error.strerror}): set [paths] archive to a folder of yours"
            ) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Refused(f"another process is writing the archive {self.root}: wait for it to end") from error
            self.require_maker()
            if not (self.root / MAKER_FILE).exists():
                _put_file(self.root / MAKER_FILE, self._maker.encode())
            yield
        finally:
            os.close(lock)

    def require_maker(self) -> None:
        """Make sure that the candles here are of the settings' maker of data.

        Raises:
            Refused: they are another's.
        """
        with contextlib.suppress(FileNotFoundError):
            held = (self.root / MAKER_FILE).read_text("utf-8")
            if held != self._maker:
                raise Refused(
                    f"the archive {self.root} holds candles of '{held}', not of '{self._maker}': set [paths] archive to a folder for each"
                )

    def series(self) -> list[Series]:
        """List what lies here, by source, period and symbol."""
        found = {path.parent for path in self.root.glob(f"*/*/*/*{SUFFIX}") if not path.name.startswith(".")}
        return sorted((_series_of(p) for p in found), key=lambda s: (s.source, s.period, s.symbol))

    def folder(self, series: Series) -> Path:
        return self.root / series.source / series.period.name / quote(series.symbol, safe=" &-")

    def parts(self, series: Series) -> list[Part]:
        """Read the footers of a series, oldest part first; a file that cannot be read is told, not passed over."""
        return [_part(series, self.folder(series) / f"{name}{SUFFIX}") for name in self.names(series)]

    def names(self, series: Series) -> list[str]:
        """Name the parts of a series, oldest first, without opening one."""
        return sorted(p.stem for p in self.folder(series).glob(f"*{SUFFIX}") if not p.name.startswith("."))

    def covered(self, series: Series) -> list[Span]:
        return [span for part in self.parts(series) for span in part.note.covered]

    def read(self, series: Series, span: Span) -> NDArray[np.void]:
        """Give the rows of the dates [first, last], oldest first.

        Raises:
            Corrupt: a part cannot be read, or its bytes are not those that were written.
        """
        first, last = (series.period.part(day) for day in span)
        names = [part.name for part in self.parts(series) if first <= part.name <= last]
        held = [self.read_part(series, name)[0] for name in names]
        rows = np.concatenate(held) if held else np.zeros(0, _dtype(series.period))
        return rows[(rows["ts"] >= ist_ms(span[0], "00:00")) & (rows["ts"] < ist_ms(span[1], "00:00") + DAY_MS)]

    def read_part(self, series: Series, name: str) -> tuple[NDArray[np.void], Note]:
        """Give a whole part as it lies; no rows and an empty note when there is none.

        Raises:
            Corrupt: it cannot be read, or its bytes are not those that were written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder(series) / f"{name}{SUFFIX}"
        dtype = _dtype(series.period)
        if not path.exists():
            return np.zeros(0, dtype), Note()
        try:
            file = pq.ParquetFile(pa.BufferReader(_unsealed(path)))
            table = file.read()
            rows = np.zeros(table.num_rows, dtype)
            for column in dtype.names or ():
                values = table.column(column)
                rows[column] = (values.cast(pa.int64()) if column == "ts" else values).to_numpy()
            return rows, _note(file.metadata.metadata)
        except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
            raise Corrupt(f"{path} cannot be read ({_line(error)}): run `ticktick history fetch --again` over it, or restore it") from error

    def put(self, series: Series, name: str, rows: NDArray[np.void], note: Note) -> None:
        """Put a part in its place, whole; rows are sorted by start."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        ordered = rows[np.argsort(rows["ts"], kind="stable")]
        columns = {column: pa.array(ordered[column]) for column in ordered.dtype.names or ()}
        columns["ts"] = columns["ts"].cast(pa.timestamp("ms", tz="UTC"))
        table = pa.table(columns)
        path = self.folder(series) / f"{name}{SUFFIX}"
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = pa.BufferOutputStream()
        with pq.ParquetWriter(sink, table.schema, compression="zstd", store_schema=False) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({META: json.dumps(asdict(note)).encode(), SEAL_KEY: MARK + BLANK})
        _put_file(path, _sealed(sink.getvalue().to_pybytes()))

    def put_aside(self, series: Series, name: str) -> Path:
        """Move a part that cannot be read out of the way, so that it is fetched again; nothing is thrown away."""
        path = self.folder(series) / f"{name}{SUFFIX}"
        earlier = len(list(path.parent.glob(f"{path.stem}.damaged*")))
        aside = path.with_suffix(f".damaged{earlier or ''}")
        path.replace(aside)
        return aside


def _sealed(content: bytes) -> bytes:
    """Write the sum of a file over the blank that its footer holds for it."""
    at = content.rindex(MARK + BLANK) + len(MARK)
    return content[:at] + blake3(content).hexdigest().encode() + content[at + len(BLANK) :]


def _unsealed(path: Path) -> bytes:
    """Read a file whose bytes are those that were written: a damaged footer would end the process in the reader's depths."""
    content = path.read_bytes()
    at = content.rfind(MARK) + len(MARK)
    told = content[at : at + len(BLANK)]
    if at < len(MARK) or blake3(content[:at] + BLANK + content[at + len(BLANK) :]).hexdigest().encode() != told:
        raise ValueError("its bytes are not those that were written")
    return content


def _put_file(path: Path, content: Any) -> None:
    """Write, sync, rename, sync the folder: after a kill or a power cut the old content or the new, never a part of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def put_text(path: Path, text: str) -> None:
    """Put a small text file in its place, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _put_file(path, text.encode())


def _dtype(period: Period) -> np.dtype[np.void]:
    return BAR if period.minutes > 0 else DAILY


def _series_of(folder: Path) -> Series:
    source, period, symbol = folder.parts[-3:]
    return Series(source, period_of(period), unquote(symbol))


def _part(series: Series, path: Path) -> Part:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = _unsealed(path)
        meta = pq.read_metadata(pa.BufferReader(content))
        ends = [meta.row_group(n).column(0).statistics for n in range(meta.num_row_groups) if meta.row_group(n).num_rows > 0]
        first, last = (min(e.min_raw for e in ends), max(e.max_raw for e in ends)) if ends else (0, 0)
        return Part(series, path.stem, meta.num_rows, first, last, len(content), _note(meta.metadata))
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        return Part(series, path.stem, why=_line(error))


def _note(metadata: Any) -> Note:
    plain = json.loads(metadata[META])
    return Note(plain["instrument_key"], Group(plain["group"]), tuple((a, b) for a, b in plain["covered"]), tuple(plain["refused"]))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
