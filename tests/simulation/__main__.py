"""Simulated sessions of the order manager against a faulty broker.

python -m tests.simulation --seeds 0:10000      play these seeds on all cores (--jobs N: on so many)
python -m tests.simulation --seed 4711          play one, and tell its last records
python -m tests.simulation --seeds 0:300 --digest   and tell a digest of everything each session did
python -m tests.simulation --seeds 0:1000 --counts  and how often each fault, edge of an order's life and code came up
python -m tests.simulation --emergency 1000     pull each emergency string at so many moments
python -m tests.simulation --mutants            take one rule away at a time: every loss must be noticed
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter

from tests.simulation.order_emergency import measure
from tests.simulation.order_mutants import check_all
from tests.simulation.order_run import run, shrink
from tests.simulation.order_session import Outcome, Session
from tests.simulation.order_watch import unseen, watch_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", metavar="FROM:TO")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int, default=0, metavar="N")
    parser.add_argument("--digest", action="store_true")
    parser.add_argument("--counts", action="store_true")
    parser.add_argument("--emergency", type=int, metavar="MOMENTS")
    parser.add_argument("--mutants", action="store_true")
    given = parser.parse_args()
    if given.mutants:
        return 0 if check_all(print) else 1
    if given.emergency is not None:
        return _pull_all(given.emergency, given.jobs)
    if given.seed is not None:
        session = Session(given.seed)
        _tell(session.run(), session)
        return 1 if session.outcome.violations else 0
    first, _, last = (given.seeds or "0:1000").partition(":")
    if not first.isdigit() or not last.isdigit() or int(first) >= int(last):
        print(f"--seeds {given.seeds}: write FROM:TO, two rising numbers, as in 0:1000", file=sys.stderr)
        return 4
    if given.digest or given.counts:
        return _watch(range(int(first), int(last)), given)
    report = run(int(first), int(last), print, given.jobs)
    for line in report.lines():
        print(line)
    for outcome in report.failed[:10]:
        session = Session(outcome.seed)
        session.run()
        _tell(outcome, session)
        print(f"  still fails with {shrink(outcome.seed)}")
    return 0 if report.is_good() else 1


def _watch(seeds: range, given: argparse.Namespace) -> int:
    counts: Counter[str] = Counter()
    broken = 0
    for seed, digest, seen in watch_all(seeds, given.jobs):
        counts += seen
        verdicts = [name for name in seen if name.startswith("violation ")]
        broken += bool(verdicts)
        for verdict in verdicts:
            print(f"seed {seed}: {verdict}")
        if given.digest:
            print(f"{seed} {digest}")
    for name, count in sorted(counts.items()) if given.counts else ():
        print(f"{count:>9,} {name}")
    for name in unseen(counts) if given.counts else ():
        print(f"{0:>9} {name}")
    print(f"sessions {len(seeds):,}  violations {broken}")
    return 0 if broken == 0 else 1


def _pull_all(moments: int, jobs: int) -> int:
    broken = 0
    for line, failed in measure(moments, jobs):
        print(line, flush=True)
        for outcome in failed:
            print(f"  seed {outcome.seed}: {outcome.violations}")
        broken += len(failed)
    return 0 if broken == 0 else 1


def _tell(outcome: Outcome, session: Session) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    print(f"seed {outcome.seed} at commit {commit}: {outcome.violations or 'all rules held'}")
    print(f"  alone: python -m tests.simulation --seed {outcome.seed}")
    for when, record in session.trail:
        print(f"  {when - session.base:>7} ms  {record}")


if __name__ == "__main__":
    sys.exit(main())
