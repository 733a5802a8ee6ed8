"""The account's high-water mark over days: what a session begins with, and how a person has it forgotten.

Reads   the hash ``equity:<account>``, as the order process left it
Writes  that hash, when a person resets it; the order process does so while it runs

An account is a mode that trades today's market; a played day (a stated date, a recording) has none. A session that begins anew adds the
result of the one before. On the same date that is another session too (the journal was cleared), but with a broker outside, whose trades
of the day are read again: there the day's own result is not added twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.errors import Refused
from pipeline.core.job import HashWrite
from pipeline.core.schema import EQUITY, Role
from pipeline.run.options import Settings
from pipeline.store.face import Store

FIELDS = ("carried_paise", "net_paise", "peak_paise")


@dataclass(frozen=True, slots=True)
class Brought:
    """What the account brings into a session, in paise: made so far, and the most it ever was."""

    carried_paise: int = 0
    peak_paise: int = 0


def account_of(settings: Settings) -> str:
    """Name the account whose peak is kept; empty for a day that is played."""
    return "" if settings.session_date else settings.mode


def brought(fields: Mapping[str, str], date_iso: str, *, is_outward: bool) -> Brought:
    """Close the session that left ``fields``, and begin one on a date.

    Raises:
        Refused: the fields cannot be read; without them the fall from the peak is not known.
    """
    if not fields:
        return Brought()
    try:
        carried, net, peak = (int(fields[name]) for name in FIELDS)
        date = fields["date"]
    except (KeyError, ValueError):
        raise Refused("the account's high-water mark in Redis cannot be read: begin a new one with `ticktick highwater reset`") from None
    is_read_again = is_outward and date == date_iso
    carried += 0 if is_read_again else net
    return Brought(carried, max(0, peak, carried))


def bring(store: Store, account: str, date_iso: str, *, is_outward: bool) -> Brought:
    """Give what the account brings along; nothing without an account."""
    if not account:
        return Brought()
    return brought(store.fetch(Role.DERIVED, EQUITY.key(account)), date_iso, is_outward=is_outward)


def forget(store: Store, account: str) -> None:
    """Begin the account anew: nothing carried, no peak. For a time in which no order process runs."""
    nothing: dict[str, str | int | float] = {"ts": 0, "date": "", "fall_paise": 0, "limit_paise": 0, **dict.fromkeys(FIELDS, 0)}
    store.put(HashWrite(EQUITY, (account,), nothing))
