"""Open a database, and let go of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from pymilvus import MilvusClient
from pymilvus.exceptions import ConnectionConfigException, MilvusException

UNREACHABLE = 2  # pymilvus's code for a server that doesn't answer

ANSWER_S = 10

# pymilvus pings each server every 10 s, also while nothing is asked. Milvus Lite takes that for an
# attack after some 30 s and closes the connection; the next call writes two lines to stderr.
NO_PINGS = {"grpc.keepalive_time_ms": 2**31 - 1}


def connect(uri: str | Path) -> MilvusClient:
    """Return `MilvusClient(uri)`; the folder of a local database is created.

    Args:
        uri: A path that ends in `.db` for Milvus Lite, or a server's `http://host:port`.

    Raises:
        ValueError: The URI is neither.
        RuntimeError: Another process, such as a second notebook, has the local database open.
        ConnectionError: No server answers at the URI.
    """
    uri = str(uri)
    local = "://" not in uri
    if local:
        if not uri.endswith(".db"):
            raise ValueError(
                f"uri {uri!r} is neither a path that ends in .db (Milvus Lite) nor an address "
                "such as http://localhost:19530 (a server)"
            )
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
    try:
        client = MilvusClient(uri, grpc_options=NO_PINGS) if local else MilvusClient(uri)
        # pymilvus hands out an earlier connection to the address without asking if it lives.
        client.get_server_version(timeout=ANSWER_S)
        return client
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
    """Turn the errors of a server that went away into a `ConnectionError` that says so."""
    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        if isinstance(error, MilvusException) and error.code != UNREACHABLE:
            raise
        raise ConnectionError(f"the Milvus server went away during {doing}; {advice}") from error
