"""The feed on the page: its state, which symbols it follows, what it lost, merged and refused, and what of it is an alarm.

Reads   feed:status as the tick process counts it, feed:wanted (symbol -> text)
Gives   one dict of texts and whole numbers (None where it was not told), and alerts
Never   calls a feed connected whose process no longer beats: the hash stays behind when the process dies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from web.fields import Fields, Json, whole

LOGIN = "ticktick login --open"
LATE_MS = 2_000
"""The feed's clock this far behind its own best progress: prices are late."""
TOO_LATE_MS = 5_000
FOLDING_S = 10.0
"""Rows merged within this time: conflation is happening now."""
DOUBTFUL = 20
"""Symbols that are not confirmed, told by name."""
LONGEST = 300
"""Characters of a text of the feed that the page takes."""

COUNTERS = {
    "connects": "Connections made today",
    "frames": "Frames received today",
    "ticks": "Rows decoded from the frames",
    "gaps": "Stretches of the day that were missed and marked",
    "repeats": "Frames that had been committed before",
    "refused_frames": "Frames that could not be read, kept in quarantine",
    "refused_rows": "Rows of frames that could not be believed",
    "refused_changes": "Wishes to follow or leave a symbol that were refused",
    "quarantine_lost": "Refused frames for which quarantine had no room",
    "folds": "Times that waiting frames were conflated by symbol",
    "folded_frames": "Frames that conflation merged away",
    "folded_rows": "Rows that conflation merged away, the newest kept",
    "resubscribed": "Keys that were asked for again",
    "quote_checks": "Quotes fetched to judge silent symbols",
}
GAUGES = {
    "last_ts": "Event time of the newest frame, epoch milliseconds",
    "wanted": "Symbols to follow",
    "subscribed": "Symbols asked for on open connections",
    "unseen": "Symbols without a row since start",
    "unconfirmed": "Symbols asked for that have not answered in time",
    "unknown_keys": "Instrument keys that came unasked",
    "stalled": "Symbols silent while the exchange trades them",
    "suspects": "Silent symbols under examination",
    "skew_ms": "Our clock minus the exchange's, the way included",
    "clock_lag_ms": "How far the feed's clock lies behind its best progress",
    "held_frames": "Frames waiting to be taken in",
    "held_bytes": "Bytes of the frames waiting to be taken in",
    "most_held_bytes": "Most bytes that ever waited",
    "failed_tries": "Failed tries to connect since the last success",
}
REPAIRS = re.compile(r"repairs_[a-z][a-z_]{0,30}")
"""Counts of the repair of spoiled minutes, by outcome."""
TROUBLES = {
    "unconfirmed": "not confirmed by the broker, without a price",
    "stalled": "silent while the exchange trades, do not trade on the price",
}
"""Symbols in trouble: the count's field, and what is wrong with them."""
TEXTS = ("state", "mode", "links", "unconfirmed_names", "stalled_names", "refused_why", "last_error")


@dataclass(slots=True)
class Growth:
    """Tells whether a count grew within the last seconds. What it was when first seen is no growth."""

    seen: int | None = None
    grew_at: float = float("-inf")

    def saw(self, count: int | None, now_s: float) -> bool:
        if count is not None:
            if self.seen is not None and count > self.seen:
                self.grew_at = now_s
            self.seen = count
        return now_s - self.grew_at < FOLDING_S


def feed(fields: Fields, follow: Json | None = None, *, has_beat: bool = True, is_folding: bool = False) -> Json:
    """The connection to the broker's feed, as the tick process tells it; ``follow`` is of :func:`followed`."""
    counts = {name: whole(fields, name) for name in (*COUNTERS, *GAUGES)}
    follow = followed({}) if follow is None else follow
    told = follow["confirmed"] + follow["doubtful"]
    return {
        **{name: fields.get(name, "")[:LONGEST] for name in TEXTS},
        **counts,
        "gaps": counts["gaps"] or 0,
        "refused_frames": counts["refused_frames"] or 0,
        "wanted": told if counts["wanted"] is None and told > 0 else counts["wanted"],
        "repairs": {name: whole(fields, name) for name in sorted(fields) if REPAIRS.fullmatch(name) and whole(fields, name) is not None},
        "followed": follow,
        "has_beat": has_beat,
        "is_folding": is_folding,
    }


def followed(wanted: Fields) -> Json:
    """How the symbols are followed. Ages are left out: they change with every look."""
    out: Json = {"confirmed": 0, "off": 0, "doubtful": 0, "names": []}
    for symbol, told in wanted.items():
        words = [word for word in told.split() if not word.startswith("age=")]
        kind = "confirmed" if "confirmed" in words else "off" if words == ["off"] else "doubtful"
        out[kind] += 1
        if kind == "doubtful" and len(out["names"]) < DOUBTFUL:
            out["names"].append(f"{symbol}: {' '.join(words)}"[:LONGEST])
    return out


def alerts(shown: Json, *, is_live: bool, is_token_told: bool) -> list[Json]:
    """What a person should know of the feed. What it says of the moment counts only while its process beats."""
    out: list[Json] = []

    def add(level: str, code: str, words: str) -> None:
        out.append({"level": level, "code": code, "text": words})

    if shown["has_beat"]:
        if shown["state"] == "login needed" and not is_token_told:
            add("error", "feed_login", f"the feed waits for a login: {LOGIN}")
        if shown["state"] == "partly connected" and is_live:
            add("warn", "feed_partly", f"the feed is partly connected ({shown['links']}): some symbols stand still")
        if late := _late(shown["clock_lag_ms"] or 0) if is_live else None:
            add(*late)
        for name, words in TROUBLES.items():
            if (count := shown[name] or 0) > 0:
                names = shown[f"{name}_names"]
                add("warn", f"feed_{name}", f"{_many(count, 'symbol')} {words}{names and f': {names}'}")
        if shown["is_folding"]:
            merged = f"the newest kept, {_many(shown['folded_rows'] or 0, 'row')} merged today"
            add("warn", "feed_folding", f"more ticks come than can be written: they are conflated by symbol ({merged})")
    if shown["gaps"]:
        add("warn", "feed_gap", f"{_many(shown['gaps'], 'gap')} in the feed today: candles over it are marked")
    if shown["refused_frames"]:
        add("warn", "feed_refused", f"{_many(shown['refused_frames'], 'frame')} of the feed could not be read: kept in quarantine")
    return out


def _late(lag_ms: int) -> tuple[str, str, str] | None:
    if lag_ms < LATE_MS:
        return None
    is_grave = lag_ms >= TOO_LATE_MS
    words = f"the feed's clock lags {lag_ms / 1000:.1f} s: prices are late"
    return "error" if is_grave else "warn", "feed_late", words + (", do not trade on them" if is_grave else "")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
