"""A disk of a few kilobytes, or one that is read-only: a tmpfs that only a child process sees.

The child gets a mount namespace of its own, which ends with it. That takes Linux, and root or
user namespaces; `reason` says why it can't be done here.
"""

import ctypes
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000  # <sched.h>
MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 32, 0x4000, 0x40000  # <linux/mount.h>


def on_small_disk(work: Callable[..., Any], folder: Path, *arguments: Any, size: str) -> Any:
    """Return `work(folder, *arguments)`, run in a child that has a tmpfs on the folder.

    Args:
        work: A function at the top of its module.
        folder: An empty folder; what is written there is gone with the child.
        *arguments: Others that the function takes; they are pickled.
        size: Of the disk, as mount takes it: "64k".

    Raises:
        RuntimeError: The child ended without a result, or the function raised.
    """
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(sending, work, folder, arguments, size))
    child.start()
    sending.close()
    try:
        raised, result = receiving.recv()
    except EOFError:
        raised, result = True, "no result"
    child.join()
    if raised:
        raise RuntimeError(f"in the child: {result}")
    return result


def grow(folder: Path, size: str) -> None:
    """Give the disk another size, as somebody who frees space does."""
    _mount(folder, MS_REMOUNT, f"size={size}")


def make_read_only(folder: Path) -> None:
    """Refuse all writes to the disk from now on, to root as well."""
    _mount(folder, MS_REMOUNT | MS_RDONLY, "")


def reason() -> str | None:
    """Return why no small disk can be had here, or None."""
    if sys.platform != "linux":
        return "only Linux has mount namespaces"
    pid = os.fork()
    if pid == 0:
        try:
            _enter_own_mounts()
            _mount(Path("/tmp"), 0, "size=4k")
        except OSError:
            os._exit(1)
        os._exit(0)
    refused = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "this machine lets no process mount a disk of its own" if refused else None


def _work(sending: Any, work: Callable, folder: Path, arguments: tuple, size: str) -> None:
    try:
        _enter_own_mounts()
        _mount(folder, 0, f"size={size}")
        sending.send((False, work(folder, *arguments)))
    except BaseException as error:
        import traceback

        sending.send((True, f"{error!r}\n{traceback.format_exc()}"))


def _enter_own_mounts() -> None:
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "mount --make-rprivate /")


def _mount(folder: Path, flags: int, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, options.encode()):
        raise OSError(ctypes.get_errno(), f"mount {folder}")
