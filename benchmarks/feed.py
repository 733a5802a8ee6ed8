"""The whole feed in one run: decode, metrics, receive, and end to end into Redis. ``python -m benchmarks.feed [--json] [--quick]``.

End to end a sender in another process plays frames of mode full over a loopback websocket; ours is the processes' own feed
source, runner and job. Ratios are of ticks for each second of the receiver's CPU, every tick written to TimeSeries (seven
series; the peers eight), appendfsync everysec, against a plain Python pipeline and against the SDK's streamer with pandas.
``--quick`` plays less. Sustained rates are lossless (TCP holds the sender back); latencies are from send to Redis's answer.
"""

from __future__ import annotations

import sys

from benchmarks import decode, metrics, receive
from benchmarks._endtoend import FSYNC, Outcome, Play, run
from benchmarks._rounds import Row, show

LOSSLESS = {"is_lossless": True}
SIZES = ((15, 15), (200, 20), (2_000, 20))
PLAIN, SDK = "plain: websockets, upb, sums, TS.MADD", "SDK streamer, pandas, TS.ADD"
DICTS = "plain, which keeps a dict a tick"


def sustained(frames: int) -> tuple[list[Row], dict[int, Outcome]]:
    rows, found = [], {}
    for symbols, per_frame in SIZES:
        one = found[symbols] = run(Play("ours", symbols, per_frame, frames, feed=LOSSLESS))
        rows += [
            Row(f"sustained, {symbols} symbols", round(one.per_s), "ticks/s", "-", None, None, None, f"of {one.sent_ticks:,} sent"),
            Row(
                f"CPU, {symbols} symbols",
                round(one.cpu_s / one.ticks * 1e9),
                "ns per tick",
                "Redis (ns)",
                None,
                None,
                None,
                redis_note(one),
            ),
        ]
    return rows, found


def redis_note(one: Outcome) -> str:
    return f"Redis {one.redis_s / one.ticks * 1e6:.1f} us"


def peers(ours: Outcome, frames: int) -> list[Row]:
    plain = run(Play("plain", 200, 20, frames // 3))
    rows = [versus("ticks/s per core, 200 symbols", ours, plain, PLAIN, 12.0)]
    try:
        import pandas as pd  # noqa: F401
        import upstox_client  # noqa: F401
    except ImportError:
        return [*rows, Row("ticks/s per core, 200 symbols", None, "ticks/s", SDK, None, 300.0, None, "the SDK or pandas is not installed")]
    return [*rows, versus("ticks/s per core, 200 symbols", ours, run(Play("sdk", 200, 20, 60)), SDK, 300.0)]


def versus(name: str, ours: Outcome, peer: Outcome, words: str, goal: float) -> Row:
    ratio = ours.per_core_s / peer.per_core_s
    return Row(name, round(ours.per_core_s), "ticks/s", words, round(ratio, 1), goal, ratio >= goal)


def latencies(found: dict[int, Outcome], seconds: float) -> list[Row]:
    rows = []
    for symbols, per_frame in SIZES:
        for words, part in (("a tenth", 0.1), ("half", 0.5)):
            rate = found[symbols].per_s * part / per_frame
            one = run(Play("ours", symbols, per_frame, int(rate * seconds), rate, feed=LOSSLESS))
            p50, p99, p999 = one.latency_us
            note = f"p50 {p50:,.0f} p99.9 {p999:,.0f} us at {rate * per_frame:,.0f} ticks/s"
            rows.append(Row(f"p99 at {words} of it, {symbols} symbols", round(p99), "us", "-", None, None, None, note))
    return rows


def paced(seconds: float) -> list[Row]:
    """200 frames a second of 20, as all of them can take. One peer keeps tuples, which the collector lets go of, one dicts, which it visits."""
    ours, plain, dicts = (run(Play(name, 200, 20, int(200 * seconds), 200.0)) for name in ("ours", "plain", "dicts"))
    return [_tail(ours, plain, PLAIN), _tail(ours, dicts, DICTS)]


def _tail(ours: Outcome, peer: Outcome, words: str) -> Row:
    (p50, p99, _), theirs = ours.latency_us, peer.latency_us
    ratio = theirs[1] / p99
    note = f"p50 {p50:,.0f}; theirs p50 {theirs[0]:,.0f} p99 {theirs[1]:,.0f} p99.9 {theirs[2]:,.0f} us"
    return Row("p99, 200 frames/s of 20", round(p99), "us", words, round(ratio, 1), 20.0, ratio >= 20, note)


def load(seconds: float) -> list[Row]:
    """2,000 papers at 4 updates a second as shipped, and ten times that.

    What a play costs before its first frame (14,000 series are made, once in a database's life) is taken off by playing twice.
    """
    short, whole = (run(Play("ours", 2_000, 20, int(400 * s), 400.0, every_tick=False)) for s in (seconds, 3 * seconds))
    lasted = whole.wall_s - short.wall_s
    part = (whole.cpu_s - short.cpu_s) / lasted * 100
    both = part + (whole.redis_s - short.redis_s) / lasted * 100
    ten = run(Play("ours", 2_000, 20, int(4_000 * seconds), 4_000.0, every_tick=False))
    lost = ten.sent_ticks - ten.ticks
    p50, p99, p999 = whole.latency_us
    return [
        Row("2,000 full at 4/s: of one core", round(part, 1), "%", "10 %", round(10 / part, 2), 1.0, part <= 10),
        Row("with Redis", round(both, 1), "%", "20 %", round(20 / both, 2), 1.0, both <= 20),
        Row("its p99", round(p99), "us", "-", None, None, None, f"p50 {p50:,.0f} p99.9 {p999:,.0f} us"),
        Row(f"ten times that for {seconds:g} s: lost", float(lost), "ticks", "-", None, None, lost == 0, f"of {ten.sent_ticks:,}"),
    ]


def end_to_end(*, is_quick: bool) -> list[Row]:
    frames, seconds = (3_000, 3.0) if is_quick else (12_000, 10.0)
    rows, found = sustained(frames)
    return [*rows, *peers(found[200], frames), *paced(seconds), *latencies(found, min(seconds, 5.0)), *load(seconds)]


def main(args: list[str]) -> None:
    as_json = "--json" in args
    if "--end-to-end" not in args:
        for part in (decode, metrics, receive):
            part.main(["--json"] if as_json else [])
    show(f"feed, end to end (appendfsync {FSYNC})", end_to_end(is_quick="--quick" in args), as_json=as_json)


if __name__ == "__main__":
    main(sys.argv[1:])
