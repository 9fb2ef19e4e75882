"""Refuse and note every connection that leaves this machine, in each Python started with it.

Python imports a module of this name at start-up when its folder is on PYTHONPATH, so the
kernels of the notebooks run under it too. An audit hook can't be removed again (PEP 578).
A library may swallow the refusal, so it is written into a file as well, and the run fails
by what stands there.
"""

import errno
import ipaddress
import os
import sys


def _is_local(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_outside(event: str, arguments: tuple) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = arguments[1]
        if not isinstance(address, tuple):  # a Unix socket's path, or an already connected socket
            return
        host = address[0]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
    else:
        return
    if _is_local(host):
        return
    log = os.environ.get("NETWORK_BLOCK_LOG")
    if log:
        with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123  no imports in a hook
            file.write(f"{event} {host}\n")
    raise OSError(errno.ENETUNREACH, f"the tests block the network: {event} to {host!r}")


sys.addaudithook(_refuse_outside)
