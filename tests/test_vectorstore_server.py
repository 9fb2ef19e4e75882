"""A real Milvus server is started, killed, taken up again and stopped."""

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from course_utils import vectorstore
from course_utils.vectorstore import server

needs_server = pytest.mark.skipif(
    server.missing() is not None, reason=f"no Milvus server: {server.missing()}"
)


def store_one_row(client):
    client.create_collection("probe", dimension=2, consistency_level="Strong")
    client.insert("probe", [{"id": 1, "vector": [1.0, 0.0]}])


def stored_ids(client):
    client.load_collection("probe")  # waits, if the server still loads
    rows = client.query("probe", filter="id > 0", consistency_level="Strong")
    return [row["id"] for row in rows]


@pytest.mark.fault(
    "Milvus",
    breaks="A server is to be started, and its wheel isn't installed.",
    sees="`no Milvus server can be started`, and the line that installs it: `pip install milvus`.",
    kept="The folder: nothing is made in it.",
)
def test_without_the_wheel_the_message_says_what_to_install(tmp_path, monkeypatch, seen):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        RuntimeError, match="can be started: the wheel milvus isn't installed; pip"
    ) as caught:
        server.start(tmp_path / "data")
    seen(caught.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.fault(
    "Killed in the midst",
    breaks="A Milvus server is killed right after a row was written, before any flush.",
    sees="For a client of it, `no Milvus server answers`.",
    kept="The row: the next server on the folder has it.",
)
@needs_server
@pytest.mark.slow
def test_rows_outlive_a_kill_and_a_stop_without_a_flush(tmp_path, seen):
    folder = tmp_path / "data"
    running = server.start(folder)
    store_one_row(vectorstore.connect(running.uri))
    running.kill()
    with pytest.raises(ConnectionError, match="no Milvus server answers") as caught:
        vectorstore.connect(running.uri)
    seen(caught.value)
    with server.start(folder) as running:
        assert stored_ids(vectorstore.connect(running.uri)) == [1]
    with server.start(folder) as running:
        assert stored_ids(vectorstore.connect(running.uri)) == [1]
    shutil.rmtree(folder)


@pytest.mark.fault(
    "Two notebooks at once",
    breaks="A second notebook starts a Milvus server on a folder that a first one serves.",
    sees="The server `didn't start: another server has this folder`.",
    kept="The first server and its data.",
)
@needs_server
@pytest.mark.slow
def test_a_folder_serves_one_server_and_a_second_says_so(tmp_path, seen):
    folder = tmp_path / "data"
    with (
        server.start(folder),
        pytest.raises(RuntimeError, match="didn't start: another server has this folder") as caught,
    ):
        server.start(folder)
    seen(caught.value)
    shutil.rmtree(folder)


@pytest.mark.fault(
    "Two notebooks at once",
    breaks="Three notebooks start Milvus servers at the same moment, each on a folder of its own.",
    sees="Three servers that answer: no two take the same port.",
    kept="What each has in its folder.",
)
@needs_server
@pytest.mark.slow
def test_servers_that_start_at_once_take_different_ports(tmp_path):
    folders = [tmp_path / name for name in "abc"]
    with ThreadPoolExecutor(len(folders)) as pool, ExitStack() as stack:
        running = [stack.enter_context(each) for each in pool.map(server.start, folders)]
        assert len({each.uri for each in running}) == len(folders)
        for each in running:
            assert vectorstore.connect(each.uri).list_collections() == []
    for folder in folders:
        shutil.rmtree(folder)


START_AND_WAIT = """
import sys
import time
from pathlib import Path
from course_utils.vectorstore import server

print(server.start(Path(sys.argv[1])).uri, flush=True)
time.sleep(600)
"""


@pytest.mark.fault(
    "Killed in the midst",
    breaks="The notebook that started a Milvus server is killed.",
    sees="That its server is gone too: no process is left to hold the port or the folder.",
    kept="What was written, in its folder.",
)
@needs_server
@pytest.mark.slow
def test_a_server_ends_with_the_process_that_started_it(tmp_path):
    folder = tmp_path / "data"
    process = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, str(folder)], stdout=subprocess.PIPE, text=True
    )
    uri = process.stdout.readline().strip()
    vectorstore.connect(uri).close()
    process.kill()
    process.wait()
    process.stdout.close()
    for _ in range(100):
        try:
            vectorstore.connect(uri).close()
        except ConnectionError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the server still answers 10 s after its process was killed")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_it_listens_on_all_interfaces_as_it_says(milvus_uri):
    import psutil

    port = int(milvus_uri.rsplit(":", 1)[1])
    listening = [each for each in psutil.net_connections("tcp") if each.status == "LISTEN"]
    assert {each.laddr.ip for each in listening if each.laddr.port == port} <= {"0.0.0.0", "::"}
    assert any(each.laddr.port == port for each in listening)
    assert "listens on all network interfaces and asks for no password" in server.__doc__
