"""`ticktick simulate`: a local Upstox for the other processes, each in its own terminal.

Writes  <runtime>/simulator.env   what to `source` in each terminal: addresses, date, token and watchlist
        <runtime>/simulator/      the token of a login at the simulator, and its watchlist
"""

from __future__ import annotations

import argparse
import shlex
import signal
import threading
from pathlib import Path
from types import FrameType

from pipeline.run.day import simulator
from pipeline.run.outside import ADDRESSES, ask_simulator, login_at_simulator, write_watchlist
from pipeline.run.settings import PREFIX, Settings, load
from pipeline.run.verbs.shared import settings_for, show
from pipeline.simulator.config import DEMO_DATE, SimulatorConfig

LOOK_S = 2.0
ENV_FILE = "simulator.env"


def main(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; say how the other terminals find it."""
    settings = settings_for(args)
    is_over = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        is_over.set()

    with simulator(config_of(args)) as (url, maker, date_iso):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, note)
        env_file = prepare(settings, url, maker, date_iso)
        words = f"{maker}, {date_iso}, at {url}\nin each other terminal: . {env_file}\nthen historical_data_fetcher.py and the rest"
        show(args, {"url": url, "maker": maker, "date": date_iso, "env": str(env_file)}, words)
        while not is_over.wait(LOOK_S):
            ask_simulator(url)  # raises Stopped when it is gone
    return 0


def config_of(args: argparse.Namespace) -> SimulatorConfig:
    """Turn the flags into the simulator's own terms."""
    path = str(Path(args.path).expanduser().resolve()) if args.path else ""
    return SimulatorConfig(
        port=args.port,
        seed=args.seed,
        date=args.date or DEMO_DATE,
        session=args.session,
        speed=args.speed,
        maker=args.maker,
        path=path,
        hold=args.hold,
    )


def prepare(settings: Settings, url: str, maker: str, date_iso: str) -> Path:
    """Log in at the simulator and write the file that other terminals source."""
    folder = settings.paths.runtime / "simulator"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    given = overrides(url, maker, date_iso, folder)
    login_at_simulator(load(settings.paths.root, overrides=given))
    write_watchlist(folder / "symbols.json", url)
    lines = [f"export {PREFIX}{key.upper().replace('.', '__')}={shlex.quote(value)}\n" for key, value in given.items()]
    env_file = settings.paths.runtime / ENV_FILE
    env_file.write_text("".join(lines), "utf-8")
    return env_file


def overrides(url: str, maker: str, date_iso: str, folder: Path) -> dict[str, str]:
    """Give the settings that put the simulator in the broker's place, and its files apart from the user's."""
    return {
        "mode": "paper",
        "maker": maker,
        "session_date": date_iso,
        **{f"upstox.{name}": url for name in ADDRESSES},
        "paths.token": str(folder / "upstox.token.json"),
        "paths.credentials": str(folder / "credentials.json"),
        "paths.symbols": str(folder / "symbols.json"),
        "paths.data": str(folder / "data"),
        "paths.archive": str(folder / "candles"),
    }
