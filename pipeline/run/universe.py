"""Today's watchlist in Redis: written once by whoever resolves it, read by every process.

The daily instrument master has tens of thousands of rows; parsing it in each process would cost more than
all the rest. So it is resolved once (by the history process, or the supervisor) and lies in
``reg:instruments``: symbol id -> the instrument as JSON, and the date it is for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from pipeline.core.errors import Corrupt, Refused
from pipeline.core.job import HashWrite
from pipeline.core.schema import INSTRUMENTS, Role
from pipeline.core.types import Instrument
from pipeline.store.face import Store

DATE = "date"
COUNT = "count"
SOURCE = "source"
TODAY = "today"


def publish(store: Store, instruments: Sequence[Instrument], date_iso: str, source: str = "") -> None:
    """Write the watchlist for a session, and of which instrument file it is (see outside.dated_instruments); empty: nobody knows."""
    rows: dict[str, str | int | float] = {str(i.sid): json.dumps(asdict(i), separators=(",", ":")) for i in instruments}
    store.put(HashWrite(INSTRUMENTS, (), {**rows, DATE: date_iso, COUNT: len(instruments), SOURCE: source}))


def load(store: Store, date_iso: str) -> tuple[Instrument, ...]:
    """Read the watchlist.

    Raises:
        Refused: nobody has written it for this session yet; says which program does.
        Corrupt: what lies there is not a watchlist.
    """
    fields = store.fetch(Role.CANDLES, INSTRUMENTS.key())
    if fields.get(DATE) != date_iso:
        held = f" (Redis holds those of {fields[DATE]})" if DATE in fields else ""
        raise Refused(f"no symbols for {date_iso} yet{held}: run scripts/historical_data_fetcher.py first")
    try:
        return tuple(Instrument(**json.loads(fields[str(sid)])) for sid in range(int(fields[COUNT])))
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"the watchlist in Redis cannot be read ({error}): run scripts/historical_data_fetcher.py again") from error


def is_of_today(store: Store, date_iso: str) -> bool | None:
    """Tell whether lots and ticks are those of the session's own file; None when that is not known."""
    fields = store.fetch(Role.CANDLES, INSTRUMENTS.key())
    source = fields.get(SOURCE, "")
    return None if not source else source == TODAY and fields.get(DATE) == date_iso
