"""The broker's own margin and charges on a question, against a simulator; the model's where they do not come."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from authentication.token import TokenKind, make_token, save_token
from pipeline.engine.prompt import BROKER, MODEL, terms_of
from pipeline.run import brokerterms
from pipeline.run.access import now_ms
from pipeline.run.brokerterms import with_brokers
from pipeline.run.settings import load
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator
from tests.fakes.trading import DATE, PAPERS, PARAMS, recommendation

WISH = recommendation()
PAPER = replace(PAPERS[0], instrument_key=DEFAULT_LISTINGS[0].key)
TERMS = terms_of(WISH, PAPER, PARAMS.risk)


@pytest.fixture
def settings(tmp_path, redis_urls):
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as running:
        hosts = {f"upstox.{name}": running.base for name in ("order_url", "rest_url")}
        urls = {f"redis.{role}_url": url for role, url in redis_urls.items()}
        made = load(environ={}, overrides={**hosts, **urls, "paths.token": str(tmp_path / "t.json"), "mode": "simulated"})
        save_token(made.paths.token, make_token(running.token, TokenKind.OAUTH, now_ms()))
        yield made


def test_the_brokers_figures_stand_there_and_are_marked(settings):
    found = with_brokers(settings, WISH, PAPER, TERMS, 10.0)
    assert (found.margin_by, found.charges_by) == (BROKER, BROKER)
    assert found.margin_paise == pytest.approx(TERMS.margin_paise, abs=1)
    assert found.charges_paise == pytest.approx(TERMS.charges_paise, abs=100), "to the rounding of its lines"
    assert found.qty == TERMS.qty


def test_what_does_not_come_in_time_or_is_refused_stays_the_models(settings, monkeypatch):
    assert with_brokers(settings, WISH, replace(PAPER, instrument_key="NSE_EQ|none"), TERMS, 10.0) == TERMS
    monkeypatch.setattr(brokerterms.UpstoxAccount, "charges_paise", lambda *_args: time.sleep(2.0) or 0)
    began = time.monotonic()
    found = with_brokers(settings, WISH, PAPER, TERMS, 1.0)
    assert time.monotonic() - began < 1.5
    assert (found.margin_by, found.charges_by, found.charges_paise) == (BROKER, MODEL, TERMS.charges_paise)


def test_on_paper_nobody_is_asked(settings, monkeypatch):
    monkeypatch.setattr(brokerterms, "_ask", lambda *_args: pytest.fail("asked"))
    assert with_brokers(load(overrides={"mode": "paper"}), WISH, PAPER, TERMS) is TERMS
