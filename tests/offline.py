"""Run a command without a network: `python tests/offline.py COMMAND ...`.

Two layers. On Linux the command gets a network namespace of its own that holds nothing but
the loopback device, so that compiled code can't leave the machine either. Everywhere, each
Python process that the command starts refuses and notes outside connections
(network_block/sitecustomize.py); the names that it noted are printed, and a command that
tried to leave the machine fails even if it went on without.
"""

import ctypes
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # <sched.h>
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1  # <net/if.h>, <bits/ioctls.h>
EXIT_TRIED_TO_LEAVE = 3


def enter_empty_network() -> bool:
    """Move this process into a network namespace with loopback alone; say whether it worked."""
    if sys.platform != "linux":
        return False
    import fcntl  # not on Windows

    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNET if uid == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if ctypes.CDLL(None, use_errno=True).unshare(flags) != 0:
        return False
    if flags & CLONE_NEWUSER:  # stay the same user inside
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with socket.socket() as any_socket:
        request = struct.pack("16sH22x", b"lo", 0)
        current = struct.unpack("16sH22x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", current | IFF_UP))
    return True


def main(command: list[str]) -> int:
    """Run the command; return its exit status, or 3 if it tried to leave the machine."""
    enter_empty_network()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "attempts"
        paths = [str(Path(__file__).parent / "network_block"), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "NETWORK_BLOCK_LOG": str(log),
        }
        status = subprocess.run(command, env=environment).returncode
        if not log.exists():
            return status
        print("tried to leave the machine:", file=sys.stderr)
        print(log.read_text(encoding="utf-8"), end="", file=sys.stderr)
        return status or EXIT_TRIED_TO_LEAVE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
