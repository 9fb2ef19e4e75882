"""The network is blocked for real, and an attempt to leave is noticed even when swallowed."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

OFFLINE = Path(__file__).with_name("offline.py")
OUTSIDE = ("192.0.2.1", 9)  # an address reserved for documentation (RFC 5737): nobody's


def run(*command):
    return subprocess.run(
        [sys.executable, str(OFFLINE), *command], capture_output=True, text=True, timeout=120
    )


def run_python(code):
    return run(sys.executable, "-c", code)


def test_loopback_works():
    result = run_python(
        "import socket; s = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(s.getsockname()); print('connected')"
    )
    assert (result.returncode, result.stdout) == (0, "connected\n"), result.stderr


def test_the_exit_status_is_the_commands():
    assert run_python("raise SystemExit(7)").returncode == 7


@pytest.mark.parametrize(
    "attempt",
    [
        f"socket.create_connection({OUTSIDE})",
        f"socket.socket().connect({OUTSIDE})",
        "socket.getaddrinfo('example.org', 443)",
        f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', {OUTSIDE})",
    ],
)
def test_an_attempt_to_leave_fails_and_is_named(attempt):
    result = run_python(f"import socket; {attempt}")
    assert result.returncode == 1
    assert "the tests block the network" in result.stderr
    assert "tried to leave the machine" in result.stderr


def test_an_attempt_that_a_library_swallows_fails_the_run_all_the_same():
    result = run_python(
        "import socket, contextlib\n"
        "with contextlib.suppress(OSError):\n"
        "    socket.create_connection(('example.org', 443))\n"
    )
    assert result.returncode == 3
    assert "example.org" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_a_program_that_is_not_python_has_no_network_device_but_loopback():
    result = run("cat", "/proc/net/dev")
    devices = [line.split(":")[0].strip() for line in result.stdout.splitlines() if ":" in line]
    if devices != ["lo"]:
        pytest.skip("this system lets no user make a network namespace")
    assert result.returncode == 0


def notebook(path, source):
    cell = nbformat.v4.new_code_cell(source)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), path)
    return run(sys.executable, "-m", "pytest", "--nbmake", "-q", str(path))


def test_a_notebook_that_opens_an_outside_connection_fails(tmp_path):
    swallowed = (
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), timeout=2)\n"
        "except OSError:\n    pass\n"
    )
    result = notebook(tmp_path / "leaves.ipynb", swallowed)
    assert "1 passed" in result.stdout
    assert result.returncode == 3
    assert "192.0.2.1" in result.stderr


def test_a_notebook_that_stays_at_home_passes(tmp_path):
    result = notebook(tmp_path / "stays.ipynb", "1 + 1")
    assert result.returncode == 0, result.stdout + result.stderr
