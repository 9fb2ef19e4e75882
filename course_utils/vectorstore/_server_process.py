"""Run the server of the wheel `milvus` as a child; started by `server.start`.

Prints one line of JSON when the server answers, and stops it when standard input closes: so it
never outlives the notebook that started it, whatever ended that.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from filelock import FileLock, Timeout
from milvus import MilvusServer, MilvusServerConfig

SESSION_TTL_S = 5  # the default is 30
STOP_S = 3  # the wheel's own launcher gives 1; a graceful stop takes longer than 30


def main(data: str, ports: dict[str, int], wait_s: float) -> None:
    """Start the server, report, wait for the end of standard input, stop it."""
    lock = FileLock(Path(data) / "server.lock")  # it goes with this process, however that ends
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(json.dumps({"failure": "another server has this folder"}), flush=True)
        return
    health, etcd_peer = ports.pop("health"), ports.pop("etcd_peer")  # not of the wheel's settings
    os.environ["ETCD_CONFIG_PATH"] = str(_write_etcd_config(Path(data), ports["etcd"], etcd_peer))
    numbers = {f"{part}_port": number for part, number in ports.items()}
    config = MilvusServerConfig(data_dir=data, **numbers)
    # Of a server that was killed, the next one waits this long before it loads collections.
    config.set("common.session.ttl", SESSION_TTL_S)
    server = MilvusServer(config, wait_for_started=False)
    server.webservice_port = health
    server.start()
    process = server.server_proc
    try:
        failure = _wait_until_healthy(process, server.webservice_port, wait_s)
        print(json.dumps({"failure": failure}), flush=True)
        if failure is None:
            sys.stdin.read()
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _write_etcd_config(data: Path, client_port: int, peer_port: int) -> Path:
    """Write the ports of the embedded etcd, which two servers would else both want as 2380."""
    client = f"http://127.0.0.1:{client_port}"
    peer = f"http://127.0.0.1:{peer_port}"
    path = data / "configs" / "etcd.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"name: default\nlisten-client-urls: {client}\nadvertise-client-urls: {client}\n"
        f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n"
        f"initial-cluster: default={peer}\n",
        encoding="utf-8",
    )
    return path


def _wait_until_healthy(process: subprocess.Popen, port: int, wait_s: float) -> str | None:
    """Return None once the server says OK, or what went wrong."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"it ended with status {process.returncode}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                if b"OK" in answer.read():
                    return None
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.1)
    return f"it didn't answer within {wait_s:.0f} s"


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3]))
