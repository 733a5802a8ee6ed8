"""Every door of scripts/ by itself in a terminal: against `ticktick simulate` it works; without what it needs it says so in one line."""

from __future__ import annotations

import http.client
import json
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from authentication.token import Token, TokenKind, make_token, save_token
from pipeline.core import schema
from pipeline.core.schema import Role
from pipeline.run.processes import PROCESSES
from pipeline.store.client import open_clients
from pipeline.store.server import free_port
from tests.fakes.day_in_redis import Day
from tests.fakes.doors import LIMIT_S, ROOT, Doors, environment, script, sourced, verb, wait_for
from tests.fakes.visitor import Visitor

pytestmark = pytest.mark.xdist_group("processes")

STAGES = (
    schema.TICKS,
    schema.CANDLES,
    schema.INDICATORS,
    schema.CHARTS,
    schema.PATTERNS,
    schema.SIGNALS,
    schema.RECOMMENDATIONS,
    schema.CONFIRM_AUTO,
    schema.INTENTS,
    schema.PORTFOLIO_MINUTES,
)
"""What the processes write, in the order a tick travels; the order process answers by policy here, as nobody sits at it."""
UNHURRIED = {"history__reads_per_s": 45, "orders__confirm": "auto", "filter__expiry_s": 2700}
READERS = ("historical_data_fetcher", "websocket_client")
"""Who talks to the broker."""
QUIET = {"logging__level": "WARNING"}
"""Steps told on the way (INFO) are left out: what remains is the one line."""


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start `ticktick simulate`; give the file that the other terminals source."""
    folder = tmp_path_factory.mktemp("simulate")
    with Doors(folder) as doors:
        words = ("simulate", "--port", "0", "--speed", "max", "--hold", "--session", "09:15-09:25", "--json")
        door = doors.open(verb(*words), environment(folder))
        yield Path(json.loads(door.expect(lambda: door.out.strip(), "the simulator's address"))["env"])
        door.proc.send_signal(signal.SIGINT)
        assert door.wait() == 0
        assert "Traceback" not in door.err


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with Doors(tmp_path) as made:
        yield made


def given_by(env_file: Path) -> dict[str, str]:
    """Read the file as a shell would."""
    words = shlex.split(env_file.read_text())
    return dict(word.split("=", 1) for word in words if "=" in word)


def has_priced(page: Visitor) -> bool:
    """Say whether the page answers and shows every paper's price."""
    try:
        page.load()
        watch = page.get("/api/v1/state")["watch"]
    except (OSError, http.client.HTTPException):
        return False
    return len(watch) == 15 and all(row["ltp"] for row in watch.values())


@pytest.mark.timeout(300)
def test_every_script_alone_plays_its_part(env_file: Path, doors: Doors, redis_urls: Mapping[Role, str], tmp_path: Path):
    port = free_port()
    env = environment(tmp_path, redis_urls, dashboard__port=port, **UNHURRIED)
    first = doors.open(sourced(env_file, *script("historical_data_fetcher")), env)
    assert first.wait() == 0, first.err
    clients = open_clients(redis_urls)
    assert clients[Role.CANDLES].xlen(schema.HISTORY.name) > 250
    others = [name for name in PROCESSES if name != "historical_data_fetcher"]
    running = {}
    for name in others:
        is_inside = name == "chart_analysis"  # cd scripts && python chart_analysis.py
        argv = [sys.executable, f"{name}.py"] if is_inside else script(name)
        running[name] = doors.open(sourced(env_file, *argv), env, ROOT / "scripts" if is_inside else ROOT)
    for stream in STAGES:
        running["websocket_client"].expect(lambda stream=stream: clients[stream.role].xlen(stream.name), f"entries in {stream.name}")
    page = Visitor(f"http://127.0.0.1:{port}/")
    wait_for(lambda: has_priced(page), "the page")
    assert all(door.proc.poll() is None for door in running.values()), {name: door.err[-500:] for name, door in running.items()}
    began = time.monotonic()
    for door in running.values():
        door.proc.terminate()
    assert {name: door.wait(15) for name, door in running.items()} == dict.fromkeys(running, 0)
    assert time.monotonic() - began < 15
    assert not [name for name, door in running.items() if "Traceback" in door.err]


def all_say(doors: Doors, cases: Mapping[str, tuple[str, Mapping[str, str]]], code: int, *words: str) -> None:
    """Start all cases (script and environment by name) at once; each ends with the code and one line that holds the words."""
    opened = {case: (name, doors.open(script(name), env)) for case, (name, env) in cases.items()}
    for case, (name, door) in opened.items():
        assert door.wait(LIMIT_S) == code, (case, door.err)
        assert door.out == "", case
        (line,) = door.err.splitlines()
        assert line.startswith(f"{name}: "), case
        assert all(word in line for word in words), (case, line)


def test_without_redis_each_says_so(doors: Doors, tmp_path: Path):
    env = environment(tmp_path, redis__port=1, dashboard__port=free_port())
    all_say(doors, {name: (name, env) for name in PROCESSES}, 3, "no Redis answers at localhost:1", "start one")


def test_without_symbols_each_names_the_script_to_run(doors: Doors, redis_urls: Mapping[Role, str], tmp_path: Path):
    env = environment(tmp_path, redis_urls, dashboard__port=free_port())
    names = [name for name in PROCESSES if name != "historical_data_fetcher"]
    all_say(doors, {name: (name, env) for name in names}, 4, "no symbols for 2026-11-20", "run scripts/historical_data_fetcher.py first")


def token_file(path: Path, state: str) -> Path:
    """Put down a token of yesterday, one that nobody gave, or none."""
    if state == "expired":
        save_token(path, Token("a-token-of-yesterday", TokenKind.OAUTH, 1, 2))
    if state == "rejected":
        save_token(path, make_token("a-token-that-nobody-gave", TokenKind.OAUTH, time.time_ns() // 1_000_000))
    return path


# Candles are served to any token, as by the broker: no `rejected` here.
@pytest.mark.parametrize("state", ["absent", "expired"])
def test_without_a_usable_token_the_history_names_the_login(
    state: str, env_file: Path, doors: Doors, redis_urls: Mapping[Role, str], tmp_path: Path
):
    Day(redis_urls).write_watchlist()
    env = environment(tmp_path, redis_urls, **QUIET) | given_by(env_file)
    env["TICKTICK__PATHS__TOKEN"] = str(token_file(tmp_path / "token.json", state))
    name = "historical_data_fetcher"
    all_say(doors, {name: (name, env)}, 4, f"the Upstox token is {state}", "ticktick login")


@pytest.mark.parametrize(
    ("state", "words"),
    [("absent", "the Upstox token is absent"), ("expired", "the Upstox token is expired"), ("rejected", "does not accept the token")],
)
def test_without_a_usable_token_the_feed_names_the_login_once_and_goes_on_after_it(
    state: str, words: str, env_file: Path, doors: Doors, redis_urls: Mapping[Role, str], tmp_path: Path
):
    Day(redis_urls).write_watchlist()
    given = given_by(env_file)
    path = token_file(tmp_path / "token.json", state)
    env = environment(tmp_path, redis_urls, **QUIET) | given | {"TICKTICK__PATHS__TOKEN": str(path)}
    door = doors.open(script("websocket_client"), env)
    ticks = open_clients(redis_urls)[Role.TICKS]

    def feed() -> str:
        return (ticks.hget(schema.FEED_STATUS.key(), "state") or b"").decode()

    door.expect(lambda: feed() == "login needed", "the feed's wish for a login")
    (line,) = door.err.splitlines()
    assert words in line
    assert "ticktick login" in line
    fresh = path.with_name("fresh")  # put in place whole, as a login does
    fresh.write_bytes(Path(given["TICKTICK__PATHS__TOKEN"]).read_bytes())
    fresh.chmod(0o600)
    fresh.replace(path)
    door.expect(lambda: feed() in ("connected", "over"), "a connection")
    door.proc.terminate()
    assert door.wait(15) == 0


def watchlists(env_file: Path, folder: Path) -> dict[str, Path]:
    """Write a list that is cut short, and one with a paper that nobody lists."""
    good: list[dict[str, Any]] = json.loads(Path(given_by(env_file)["TICKTICK__PATHS__SYMBOLS"]).read_text())
    wrong = [{**good[0], "symbol": "RELIANZE", "instrument_key": "NSE_EQ|INE000000000"}, *good[1:]]
    paths = {"cut": folder / "cut.json", "unknown": folder / "unknown.json"}
    paths["cut"].write_text(json.dumps(good)[:100])
    paths["unknown"].write_text(json.dumps(wrong))
    return paths


@pytest.mark.parametrize(("kind", "words"), [("cut", "cut.json is not valid JSON"), ("unknown", "RELIANZE")])
def test_a_wrong_watchlist_is_one_line_and_changes_nothing(
    kind: str, words: str, env_file: Path, doors: Doors, redis_urls: Mapping[Role, str], tmp_path: Path
):
    Day(redis_urls).write_watchlist()
    client = open_clients(redis_urls)[Role.CANDLES]
    before = client.hgetall(schema.INSTRUMENTS.key())
    env = environment(tmp_path, redis_urls, **QUIET) | given_by(env_file)
    env["TICKTICK__PATHS__SYMBOLS"] = str(watchlists(env_file, tmp_path)[kind])
    all_say(doors, {kind: ("historical_data_fetcher", env)}, 4, words)
    assert client.hgetall(schema.INSTRUMENTS.key()) == before


def test_a_wrong_settings_key_is_one_line_with_file_line_and_nearest_name(doors: Doors, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "settings.toml").write_text("[redis]\nprot = 6379\n")
    env = environment(tmp_path) | {"TICKTICK_CONFIG": str(tmp_path / "mine")}
    cases = {name: (name, env) for name in READERS}
    all_say(doors, cases, 4, "settings.toml:2", "prot", "port")
