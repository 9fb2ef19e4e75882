"""A real Milvus server on this machine, from PyPI's wheel `milvus` (2.3.5, Linux on x86-64).

The wheel holds the server's program, etcd and the message queue in one process; no container is
needed. It unpacks 250 MB into the data folder the first time, and uses about 0.4 GB of memory.
It listens on all network interfaces and asks for no password: not for a machine that others
can reach.
"""

import importlib.util
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

REQUIREMENT = "pip install milvus (Linux on x86-64 only)"
_PROGRAM = Path(__file__).with_name("_server_process.py")
# Each part of the server listens. Left to itself, the wheel counts up from the same numbers for
# every server, and two that start at once take the same.
_PARTS = (
    "proxy",
    "proxy_internal",
    "root_coord",
    "query_coord",
    "query_node",
    "index_coord",
    "index_node",
    "data_coord",
    "data_node",
    "etcd",
    "etcd_peer",
    "health",
)


@dataclass(frozen=True)
class Server:
    """A running server; as a context manager it is stopped at the end."""

    uri: str
    data: Path
    process: subprocess.Popen

    def stop(self) -> None:
        """Stop the server; what was written is kept in its folder."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()

    def kill(self) -> None:
        """Kill the server at once, as `kill -9` or a power cut does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def missing() -> str | None:
    """Return why no server can be started here, or None."""
    if importlib.util.find_spec("milvus") is None:
        return f"the wheel milvus isn't installed; {REQUIREMENT}"
    return None


def start(data: Path, *, port: int | None = None, wait_s: float = 120.0) -> Server:
    """Start a server on the data in a folder, and return when it answers.

    A folder that a killed server left is taken up again. The server ends with this process.

    Args:
        data: The server's folder; created if it isn't there.
        port: Where clients connect, 19530 by habit; None takes a free one.
        wait_s: How long it may take, in seconds; about 10 the first time.

    Raises:
        RuntimeError: The wheel isn't installed, or the server didn't come up.
    """
    reason = missing()
    if reason:
        raise RuntimeError(f"no Milvus server can be started: {reason}")
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    ports = dict(zip(_PARTS, _free_ports(len(_PARTS)), strict=True))
    if port is not None:
        ports["proxy"] = port
    log = data / "launcher.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), str(data), json.dumps(ports), str(wait_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl+C in the notebook isn't for the server
        )
    line = _first_line(process, wait_s + 30)
    failure = json.loads(line)["failure"] if line else log.read_text(errors="replace")[-500:]
    server = Server(f"http://127.0.0.1:{ports['proxy']}", data, process)
    if failure is not None:
        server.kill()
        raise RuntimeError(
            f"the Milvus server on {data} didn't start: {failure}; its messages are in "
            f"{data / 'logs'}, and the port must be free"
        )
    return server


def _first_line(process: subprocess.Popen, wait_s: float) -> bytes:
    """Return the first line that the process prints, b"" if it ends or takes too long."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        readable, _, _ = select.select([process.stdout], [], [], 1.0)
        if readable:
            return process.stdout.readline()
    return b""


def _free_ports(count: int) -> list[int]:
    """Return ports that are free now on every address, since the server listens on all."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
