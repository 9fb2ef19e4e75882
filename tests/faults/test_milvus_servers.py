"""A server that is too old, or so slow that it might as well be away."""

import select
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc
from test_vectorstore_kills import ROWS, create, embed, every_row_once, ingest, stored_rows

from course_utils import vectorstore
from course_utils.vectorstore import connection


class OldServer(milvus_pb2_grpc.MilvusServiceServicer):
    """The two calls with which a client greets a server, as Milvus 2.1 answers them."""

    def Connect(self, request, context):
        info = common_pb2.ServerInfo(build_tags="v2.1.4")
        status = common_pb2.Status(error_code=common_pb2.Success)
        return milvus_pb2.ConnectResponse(status=status, server_info=info, identifier=1)

    def GetVersion(self, request, context):
        status = common_pb2.Status(error_code=common_pb2.Success)
        return milvus_pb2.GetVersionResponse(status=status, version="v2.1.4")


@pytest.mark.fault(
    "Milvus",
    breaks="The server is older than the calls that an ingest makes.",
    sees="`is version v2.1.4, and an ingest needs 2.3 or newer`, and two ways on: `start a "
    "newer one, or give a path that ends in .db`.",
    kept="The server's data: nothing is asked of it but its version.",
)
def test_a_server_of_an_old_version_is_named(seen):
    old = grpc.server(ThreadPoolExecutor(2))
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(OldServer(), old)
    port = old.add_insecure_port("127.0.0.1:0")
    old.start()
    try:
        with pytest.raises(RuntimeError, match=r"needs 2\.3 or newer") as caught:
            vectorstore.connect(f"http://127.0.0.1:{port}")
    finally:
        old.stop(None)
    seen(caught.value)


class Wire:
    """A connection between clients and a server that can be made to carry nothing for a while."""

    def __init__(self, port):
        self.target = port
        self.cut = False
        self.open = threading.Event()
        self.open.set()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Drop what is on the wire, so that it never arrives."""
        self.cut = True
        self.open.set()
        self.listening.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client, server):
        other = {client: server, server: client}
        while True:
            for end in select.select([client, server], [], [])[0]:
                self.open.wait()
                try:
                    data = end.recv(65536)
                    if not self.cut:
                        other[end].sendall(data)
                except OSError:
                    data = b""
                if self.cut or not data:
                    client.close()
                    server.close()
                    return


@pytest.mark.slow
@pytest.mark.fault(
    "Milvus",
    breaks="The server stops answering in the midst of an ingest; its library would wait "
    "without an end.",
    sees="`the Milvus server gave no answer within` so many seconds `during an ingest; "
    "look at its load and its log`, and that a new run `goes on where it stopped`.",
    kept="What was stored. When the server answers again, the next run stores the rest, "
    "and each row stands there once.",
)
def test_a_server_that_gives_no_answer_is_given_up(milvus_uri, monkeypatch, seen):
    monkeypatch.setattr(connection, "CALL_S", 6)  # enough for a batch on a busy machine
    create(vectorstore.connect(milvus_uri))
    wire = Wire(int(milvus_uri.rpartition(":")[2]))
    client = vectorstore.connect(wire.uri)
    batches = 0

    def embed_until_the_wire_is_dead(texts):
        nonlocal batches
        batches += 1
        if batches == 4:
            wire.open.clear()
        return embed(texts)

    try:
        with pytest.raises(TimeoutError, match="no answer within 6 s") as caught:
            ingest(client, embed=embed_until_the_wire_is_dead)
        seen(caught.value)
        wire.close()
        report = ingest(vectorstore.connect(milvus_uri))
        assert report.unchanged >= 12  # three batches of four
        assert report.added + report.unchanged == len(ROWS)
        assert stored_rows(vectorstore.connect(milvus_uri)) == every_row_once()
    finally:
        client.close()
        wire.close()
