"""Open a database, and let go of it."""

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import grpc
from pymilvus import MilvusClient
from pymilvus.exceptions import ConnectionConfigException, MilvusException

from course_utils import files

UNREACHABLE = 2  # pymilvus's code for a server that doesn't answer
NOT_READY = "service not ready"  # one that lost touch with its own parts, such as etcd, says so
OLDEST_SERVER = (2, 3)  # the first with `upsert`, by which `ingest` writes

ANSWER_S = 10
CALL_S = 60  # a batch of 1000 rows takes a server under a second

# pymilvus pings each server every 10 s, also while nothing is asked. Milvus Lite takes that for an
# attack after some 30 s and closes the connection; the next call writes two lines to stderr.
NO_PINGS = {"grpc.keepalive_time_ms": 2**31 - 1}


def connect(uri: str | Path) -> MilvusClient:
    """Return `MilvusClient(uri)`; the folder of a local database is created.

    Args:
        uri: A path that ends in `.db` for Milvus Lite, or a server's `http://host:port`.

    Each call to a server ends after CALL_S seconds without an answer; the library itself would
    wait for as long as the connection lives.

    Raises:
        ValueError: The URI is neither, or a file lies where the local database's folder belongs.
        RuntimeError: Another process, such as a second notebook, has the local database open; or
            the server is too old.
        ConnectionError: No server answers at the URI.
        OSError: The local database's folder can't be written.
    """
    uri = str(uri)
    local = "://" not in uri
    if local:
        if not uri.endswith(".db"):
            raise ValueError(
                f"uri {uri!r} is neither a path that ends in .db (Milvus Lite) nor an address "
                "such as http://localhost:19530 (a server)"
            )
        _check_folder(Path(uri))
    try:
        client = MilvusClient(uri, grpc_options=NO_PINGS if local else _time_limit())
        # pymilvus hands out an earlier connection to the address without asking if it lives.
        server_version = client.get_server_version(timeout=ANSWER_S)
    except ConnectionConfigException as error:
        if "Open local milvus failed" not in str(error):
            raise
        raise RuntimeError(
            f"{uri} can't be opened: Milvus Lite serves one process at a time. Shut down the "
            "other notebook that uses it (Kernel > Shut Down Kernel), or connect to another path"
        ) from error
    except MilvusException as error:
        if error.code != UNREACHABLE:
            raise
        raise ConnectionError(
            f"no Milvus server answers at {uri}; start one (vectorstore.server.start), correct "
            "the address, or give a path that ends in .db to use Milvus Lite"
        ) from error
    found = re.search(r"(\d+)\.(\d+)", server_version)
    if not local and found and tuple(map(int, found.groups())) < OLDEST_SERVER:
        client.close()
        raise RuntimeError(
            f"the Milvus server at {uri} is version {server_version}, and an ingest needs "
            f"{'.'.join(map(str, OLDEST_SERVER))} or newer; start a newer one, or give a path "
            "that ends in .db to use Milvus Lite"
        )
    return client


def _check_folder(path: Path) -> None:
    """Make the parent of a local database, and refuse what Lite would take for another's lock."""
    with files.explain_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path if path.exists() else path.parent
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    if path.is_file():
        raise ValueError(
            f"{path} is a file, and Milvus Lite {version('milvus-lite')} keeps a database in a "
            "folder; move the file away (an older Lite made it, or it is no database), or give "
            "another path"
        )


def _time_limit() -> dict[str, str]:
    """Return gRPC's option by which each call has to be answered within CALL_S seconds."""
    limit = {"methodConfig": [{"name": [{}], "timeout": f"{CALL_S}s"}]}
    return {"grpc.service_config": json.dumps(limit)}


def release(uri: str | Path) -> None:
    """Shut a local database, so that another notebook can open it; a server is left alone.

    Closing a client isn't enough: Milvus Lite serves the folder until the process ends.
    """
    if "://" in str(uri):
        return
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(str(uri))


@contextmanager
def explain_lost_server(doing: str, advice: str) -> Iterator[None]:
    """Turn the errors of a server that went away into a `ConnectionError` that says so.

    So does one that answers and isn't ready. One that is there and gives no answer in time raises a
    `TimeoutError`, and Milvus Lite on a full disk an `OSError`.
    """
    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        said = str(error)
        if any(words in said for words in files.SAY_NO_SPACE):
            raise OSError(
                errno.ENOSPC, f"no space left during {doing}; free some. Then {advice}"
            ) from error
        if "DEADLINE_EXCEEDED" in said or "Deadline Exceeded" in said:
            raise TimeoutError(
                f"the Milvus server gave no answer within {CALL_S} s during {doing}; look at its "
                f"load and its log. Then {advice}"
            ) from error
        if NOT_READY in said:
            raise ConnectionError(
                f"the Milvus server answers and is no longer ready during {doing}, as after a time "
                f"without processor or disk; stop it, and {advice}"
            ) from error
        if isinstance(error, MilvusException) and error.code != UNREACHABLE:
            raise
        raise ConnectionError(f"the Milvus server went away during {doing}; {advice}") from error
