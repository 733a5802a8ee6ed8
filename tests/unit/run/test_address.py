import pytest

from pipeline.core.errors import Refused
from pipeline.run.address import judged, own_address


@pytest.mark.parametrize(
    ("registered", "own", "is_met", "told"),
    [
        (("", ""), "8.8.8.8", False, "no static IP is registered"),
        (("8.8.8.8", ""), "8.8.8.8", True, "this machine is 8.8.8.8"),
        (("8.8.4.4", "8.8.8.8"), "8.8.8.8", True, "registered: 8.8.4.4, 8.8.8.8"),
        (("8.8.4.4", ""), "8.8.8.8", False, "register it"),
        (("8.8.4.4", ""), "192.168.1.5", True, "behind a router"),
        (("127.0.0.1", ""), "127.0.0.1", True, "this machine is 127.0.0.1"),
        (("8.8.4.4", ""), "127.0.0.1", False, "register it"),
        (("none of these", ""), "8.8.8.8", False, "register it"),
        (("2001:4860:4860::8888", ""), "2001:4860:4860:0::8888", True, "registered"),
    ],
)
def test_what_is_registered_against_what_is_known_here(registered, own, is_met, told):
    found = judged(registered, own)
    assert (found[0], told in found[1]) == (is_met, True)


def test_the_way_to_this_machine_starts_here_and_an_unknown_host_is_one_line(monkeypatch):
    assert own_address("http://127.0.0.1:9") == "127.0.0.1"

    def fail(*_args, **_kinds):
        raise OSError(2, "name not known")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    with pytest.raises(Refused, match=r"no way to broker\.invalid \(name not known\)"):
        own_address("https://broker.invalid")
