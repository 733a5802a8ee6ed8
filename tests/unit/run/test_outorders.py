import pytest

from pipeline.core.errors import Refused
from pipeline.run.outorders import outward_courier, require_simulator
from pipeline.run.settings import load
from tests.fakes.trading import PAPERS


def test_only_this_machine_is_sent_simulated_orders(tmp_path):
    with pytest.raises(Refused, match="order_url"):
        require_simulator(load(environ={}))
    local = load(environ={}, overrides={"upstox.order_url": "http://127.0.0.1:9"})
    with pytest.raises(Refused, match="rest_url"):
        outward_courier(local, PAPERS)


def test_the_halt_file_lies_beside_the_logs(tmp_path):
    urls = {f"upstox.{name}": "http://127.0.0.1:9" for name in ("order_url", "rest_url")}
    settings = load(environ={}, overrides={**urls, "paths.logs": str(tmp_path)})
    courier = outward_courier(settings, PAPERS)
    assert not courier.halt.is_there()
    (tmp_path / "HALT").touch()
    assert courier.halt.is_there()
    courier.close()
