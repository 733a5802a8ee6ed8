"""The address that orders come from, against those that the broker has on record.

Reads   the registered addresses (asked of the broker), this machine's own towards the order host (no packet is sent)
Writes  a verdict with its evidence

Behind a router this machine knows only its private address: then the registered ones are shown, to be compared by a person. An order from
an address that is not registered is refused by the broker (UDAPI1154).
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from pipeline.core.errors import Refused


def own_address(url: str) -> str:
    """Give this machine's address on the way to a host.

    Raises:
        Refused: the host is not known, or there is no way to it.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        family, kind, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise Refused(f"there is no way to {host} ({error.strerror}): look at the network") from error


def judged(registered: tuple[str, str], own: str) -> tuple[bool, str]:
    """Tell whether orders from here would be taken, as far as can be known here."""
    known = [address for address in registered if address]
    if not known:
        return False, "no static IP is registered at the broker: its API refuses orders (UDAPI1154)"
    told = f"registered: {', '.join(known)}"
    here = ipaddress.ip_address(own)
    if own in known or any(_is_same(here, address) for address in known):
        return True, f"{told}; this machine is {own}"
    if here.is_private and not here.is_loopback:
        return True, f"{told}; this machine is {own} behind a router: make sure that it leaves by a registered one"
    return False, f"{told}, but this machine is {own}: register it, or trade from a registered one"


def _is_same(here: ipaddress.IPv4Address | ipaddress.IPv6Address, address: str) -> bool:
    try:
        return here == ipaddress.ip_address(address)
    except ValueError:
        return False
