"""Settings: layers, origins, and the refusal of everything that is misspelt, missing or out of range."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pipeline.core.errors import Refused
from pipeline.core.schema import Role
from pipeline.run.options import SECTIONS, TOP_KEYS, keys_of
from pipeline.run.settings import FILES, SHIPPED_ROOT, load, origins

CONFIG = SHIPPED_ROOT / "config"


def all_keys() -> list[tuple[str, str]]:
    """Every (file, dotted key) of the shipped files."""
    out = []
    for name in FILES:
        for section, value in tomllib.loads((CONFIG / name).read_text()).items():
            if isinstance(value, dict) and section != "strategies":
                out += [(name, f"{section}.{key}") for key in value]
            elif not isinstance(value, dict):
                out.append((name, section))
    return out


def own_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in FILES:
        shutil.copy(CONFIG / name, folder / name)
    return folder


def rename(path: Path, dotted: str, new: str) -> None:
    """Rename one key of a TOML file, in its own section."""
    *above, key = dotted.split(".")
    section, lines = "", path.read_text().splitlines()
    for at, line in enumerate(lines):
        if line.startswith("["):
            section = line.split("]")[0].strip("[ ")
        elif section == ".".join(above) and line.split("=")[0].strip() == key:
            lines[at] = line.replace(key, new, 1)
            path.write_text("\n".join(lines) + "\n")
            return
    raise AssertionError(dotted)


def test_shipped_files_hold_every_key_and_load():
    settings = load(environ={})
    shipped = {key for _, key in all_keys()}
    assert shipped == {*TOP_KEYS, *(f"{s}.{k}" for s in SECTIONS for k in keys_of(s))}
    assert settings.mode == "paper"
    assert settings.params.risk.capital_paise == 100_000_000
    assert settings.params.risk.max_leverage == 1.5
    assert settings.history.depth(lambda minutes: 100 + minutes) == {tf: 100 + tf for tf in (1, 3, 5, 10, 15, 60)}


@pytest.mark.parametrize(("file", "key"), all_keys())
def test_every_key_misspelt_is_refused_with_file_line_and_nearest_name(file: str, key: str, tmp_path: Path):
    folder = own_folder(tmp_path)
    last = key.rpartition(".")[2]
    rename(folder / file, key, last + "z")
    with pytest.raises(Refused) as refusal:
        load(environ={"TICKTICK_CONFIG": str(folder)})
    message = str(refusal.value)
    assert file in message
    assert f"unknown key '{key}z'" in message
    assert f"did you mean '{last}'" in message
    assert "\n" not in message


@pytest.mark.parametrize(("file", "key"), all_keys())
def test_every_key_misspelt_in_the_environment_is_refused(file: str, key: str):
    name = "TICKTICK__" + key.upper().replace(".", "__") + "Q"
    with pytest.raises(Refused, match=f"{name}: unknown key"):
        load(environ={name: "1"})


@pytest.mark.parametrize(("section", "limit"), [(s, key) for s in FILES["risk.toml"] for key in keys_of(s)])
def test_a_missing_risk_limit_is_refused(section: str, limit: str, tmp_path: Path):
    folder = own_folder(tmp_path)
    head, mark, rest = (folder / "risk.toml").read_text().partition(f"[{section}]")
    lines = rest.splitlines()
    lines.remove(next(line for line in lines if line.startswith(f"{limit} =")))
    (folder / "risk.toml").write_text(head + mark + "\n".join(lines))
    with pytest.raises(Refused, match=rf"risk.toml: '{section}.{limit}' is missing: every limit must be set"):
        load(environ={"TICKTICK_CONFIG": str(folder)})


@pytest.mark.parametrize(
    ("file", "key"), [pair for pair in all_keys() if pair[1] not in ("maker", "session_date") and not pair[1].startswith("paths.")]
)
def test_every_key_with_a_value_of_the_wrong_type_is_refused(file: str, key: str):
    with pytest.raises(Refused, match=key):
        load(environ={}, overrides={key: {1: 2}.items()})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("risk.risk_per_trade", 0.0),
        ("risk.risk_per_trade", 1.5),
        ("risk.max_positions", 0),
        ("risk.max_positions", True),
        ("risk.max_leverage", 0.5),
        ("risk.daily_loss_alert_ratio", 0.9),
        ("risk.max_net_leverage", 1.6),
        ("risk.max_orders_per_hour", 9),
        ("risk.symbols", "ITC"),
        ("risk.price_band_ratio", 0.0),
        ("stops.profile", "percent"),
        ("stops.trail_atr", -0.1),
        ("rollout.stage", 3),
        ("rollout.since", "yesterday"),
        ("risk.drawdown_stop_ratio", float("nan")),
        ("risk.capital_paise", float("inf")),
        ("ticks.vwap_fast", 60),
        ("ticks.hysteresis", 0.5),
        ("orders.square_off", "25:00"),
        ("orders.square_off_cas", "15:20"),
        ("orders.no_entry_after", "15:20"),
        ("orders.confirm", "maybe"),
        ("orders.rung_s", 32.0),
        ("stops.exits", "oco"),
        ("stops.exits", "gtt"),
        ("filter.strategies", ()),
        ("filter.min_score", 1.01),
        ("redis.port", "6379"),
        ("redis.port", 0),
        ("upstox.rest_url", "ftp://x"),
        ("session_date", "2026-02-30"),
        ("session_date", "today"),
        ("mode", "live"),
        ("feed.backoff_min_s", 99.0),
        ("strategies.ema_momentum.fresh_bars", "three"),
        ("strategies.ema_momentum", 3),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(key: str, value: object):
    with pytest.raises(Refused, match=key) as refusal:
        load(environ={}, overrides={key: value})
    assert "\n" not in str(refusal.value)


def test_a_servers_exits_are_for_a_broker_outside():
    assert load(environ={}, overrides={"mode": "simulated", "stops.exits": "gtt"}).params.stops.exits == "gtt"


def test_charges_follow_the_plan_of_the_feed():
    assert [load(environ={}, overrides={"feed.plan": plan}).params.risk.plan for plan in ("normal", "plus")] == ["normal", "plus"]


def test_environment_goes_over_files_and_the_caller_over_both():
    env = {"TICKTICK__REDIS__PORT": "7001", "TICKTICK__RISK__MAX_POSITIONS": "2", "TICKTICK__MAKER": "12"}
    settings = load(environ=env, overrides={"redis.port": 7002, "dashboard": {"port": 0}})
    assert (settings.redis.port, settings.dashboard.port, settings.params.risk.max_positions, settings.maker) == (7002, 0, 2, "12")
    came = origins(settings)
    assert came["redis.port"] == "command line"
    assert came["risk.max_positions"] == "TICKTICK__RISK__MAX_POSITIONS"
    assert came["mode"].startswith("config/settings.toml:")


def test_promised_names_work_and_the_full_name_wins():
    settings = load(
        environ={"REDIS_HOST": "there", "REDIS_PORT": "6390", "TICKTICK__REDIS__PORT": "6391", "UPSTOX_REST_URL": "http://127.0.0.1:1"}
    )
    assert settings.redis.urls() == {
        Role.CANDLES: "redis://there:6391/0",
        Role.TICKS: "redis://there:6391/1",
        Role.DERIVED: "redis://there:6391/2",
    }
    assert settings.upstox.rest_url == "http://127.0.0.1:1"
    with pytest.raises(Refused, match=r"REDIS_PORT='x'"):
        load(environ={"REDIS_PORT": "x"})


def test_a_socket_lies_where_paths_do(tmp_path: Path):
    settings = load(tmp_path, environ={"REDIS_SOCKET": "run/redis.sock"})
    assert settings.redis.urls()[Role.DERIVED] == f"unix://{tmp_path}/run/redis.sock?db=2"
    assert load(environ={"REDIS_SOCKET": "/x.sock"}).redis.socket == "/x.sock"
    with pytest.raises(Refused, match=r"REDIS_SOCKET: 'redis.socket' is too long for a socket"):
        load(environ={"REDIS_SOCKET": "x" * 104})


def test_a_role_may_live_elsewhere():
    settings = load(environ={}, overrides={"redis.derived_url": "redis://safe:6400/0"})
    assert settings.redis.urls()[Role.DERIVED] == "redis://safe:6400/0"
    assert settings.redis.urls()[Role.TICKS] == "redis://localhost:6379/1"


def test_own_folder_changes_only_what_it_names(tmp_path: Path):
    (tmp_path / "settings.toml").write_text("[dashboard]\nport = 9000\n")
    settings = load(environ={"TICKTICK_CONFIG": str(tmp_path)})
    assert settings.dashboard.port == 9000
    assert settings.dashboard.host == "127.0.0.1"
    assert origins(settings)["dashboard.port"].endswith("settings.toml:2")


def test_live_modes_want_risk_limits_of_the_users_own(tmp_path: Path):
    with pytest.raises(Refused, match="risk limits of your own"):
        load(environ={}, overrides={"mode": "live-real"})
    folder = own_folder(tmp_path)
    assert load(environ={"TICKTICK_CONFIG": str(folder), "TICKTICK__MODE": "live-sandbox"}).mode == "live-sandbox"
    with pytest.raises(Refused, match="auto is for paper and replay only"):
        load(environ={"TICKTICK_CONFIG": str(folder), "TICKTICK__MODE": "live-real", "TICKTICK__ORDERS__CONFIRM": "auto"})


def test_another_root_moves_the_paths_but_keeps_the_shipped_lists(tmp_path: Path):
    settings = load(environ={"TICKTICK_HOME": str(tmp_path)})
    assert settings.paths.logs == tmp_path / "logs"
    assert settings.paths.symbols == SHIPPED_ROOT / "config" / "symbols.json"
    assert load(tmp_path, environ={"TICKTICK_HOME": "/elsewhere"}).paths.root == tmp_path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[redis\n", "not valid TOML"),
        ("[rediss]\n", "unknown key 'rediss'; did you mean 'redis'"),
        ("[risk]\nmax_positions = 9\n", "it belongs in risk.toml"),
        ("[redis.more]\nx = 1\n", "unknown key 'redis.more.x'"),
        ("redis = 3\n", "'redis' is not as expected"),
        ("mode = { a = 1 }\n", "'mode.a' is not as expected"),
    ],
)
def test_malformed_files_are_refused_in_one_line(text: str, words: str, tmp_path: Path):
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(Refused) as refusal:
        load(environ={"TICKTICK_CONFIG": str(tmp_path)})
    assert words in str(refusal.value)
    assert "settings.toml" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_active_rollout_tightens_the_limits():
    rollout = {"stage": 1, "since": "2026-11-16", "symbols": ["ITC", "SBIN"]}
    settings = load(environ={}, overrides={"rollout": rollout})
    assert (settings.params.risk.symbols, settings.params.risk.max_positions) == (("ITC",), 1)
    assert settings.params.risk.max_position_ratio == settings.params.rollout.position_ratio == 0.005


def test_a_folder_that_is_not_there_is_refused():
    with pytest.raises(Refused, match="TICKTICK_CONFIG names no folder"):
        load(environ={"TICKTICK_CONFIG": "/nowhere/at/all"})


def test_settings_are_frozen():
    settings = load(environ={})
    with pytest.raises(ValueError, match="frozen"):
        settings.mode = "replay"


def test_import_is_light_and_reads_nothing():
    code = "import sys; import pipeline.run.settings; print([m for m in ('pandas', 'numba', 'redis', 'upstox_client') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=SHIPPED_ROOT, check=True)
    assert done.stdout.strip() == "[]"
