"""Run a script or a module in several processes at once, by torch's own launcher `torchrun`.

Each process is told by the environment which one it is (`RANK`) and how many there are
(`WORLD_SIZE`); torch.distributed reads that. A notebook can't be one of them, so it starts them
and waits. Nothing here waits for ever: a process that dies ends the others, and so does the limit.
Seen running on Linux; untried on Windows.
"""

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Sequence

import psutil

from course_utils import runtime

CAUSE_LINES = 30  # of a traceback; the others' follow, which only lost their partner
STOP_S = 10  # torchrun stops its processes when it is told to; what takes longer is killed


def run(
    command: Sequence[str], *, processes: int = 2, timeout_s: float, threads: int | None = None
) -> str:
    """Run a command in several processes on this machine; return what they printed.

    The processes talk to each other through the loopback device alone.

    Args:
        command: A script's path and its arguments, or "-m", a module and its arguments.
        processes: How many; each gets a rank from 0 on.
        timeout_s: How long all of it may take, in seconds.
        threads: Of each process. None shares the machine's cores among the processes.

    Raises:
        ValueError: There is no process to start.
        RuntimeError: A process failed; the message ends with what it wrote.
        TimeoutError: They weren't done in time; they are stopped then.
    """
    if processes < 1:
        raise ValueError(f"processes={processes}; one is the least")
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",  # on this machine, at a free port
        f"--nproc_per_node={processes}",
        *command,
    ]
    threads = threads or max(1, (psutil.cpu_count() or 1) // processes)
    settings = {"OMP_NUM_THREADS": str(threads), "GLOO_SOCKET_IFNAME": _loopback()}
    with subprocess.Popen(
        launcher,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=runtime.environment(settings),
    ) as process:
        try:
            printed, complaints = process.communicate(timeout=timeout_s)
        except BaseException as error:
            _stop(process.pid)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise TimeoutError(
                f"{' '.join(command)}: {processes} processes weren't done after {timeout_s:g} s "
                "and were stopped; give them more time, or less to do"
            ) from error
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: a process failed:\n{_cause(complaints)}")
    return printed


def _loopback() -> str:
    """Return the name of the loopback device: gloo else looks for one by the machine's name."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(a.family == socket.AF_INET and a.address == "127.0.0.1" for a in addresses):
            return name
    raise RuntimeError("no network device has the address 127.0.0.1; switch the loopback device on")


def _stop(pid: int) -> None:
    """Stop the launcher and whatever it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        launcher = psutil.Process(pid)
        family = [launcher, *launcher.children(recursive=True)]
        launcher.terminate()
        _, alive = psutil.wait_procs(family, timeout=STOP_S)
        for each in alive:
            each.kill()


def _cause(complaints: str) -> str:
    """Return the traceback of the process that failed first, without the launcher's own."""
    flags = re.MULTILINE | re.DOTALL
    theirs = re.split(r"^[EW]\d{4} .*torch/distributed/elastic", complaints, flags=re.MULTILINE)[0]
    found = re.search(r"^[^\n]*Traceback \(most recent call last\):.*", theirs, flags)
    lines = (found[0] if found else complaints).splitlines()
    return "\n".join(lines if found is None else lines[:CAUSE_LINES])[-4000:]
