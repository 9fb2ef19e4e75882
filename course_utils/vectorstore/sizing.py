"""What vectors cost in memory, by the kind of their index, and on how many machines.

A search is only fast from memory, so the index's bytes decide how many machines a collection
needs. The formulas count what each index must hold; a real one adds some percent.
"""

import math
from dataclasses import dataclass

FLOAT_BYTES = 4
ID_BYTES = 8  # the number by which an index knows a row
KINDS = ("FLAT", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "HNSW")
HOURS_PER_MONTH = 730  # 365 * 24 / 12


def index_bytes(
    rows: int,
    dim: int,
    kind: str,
    *,
    nlist: int = 1024,
    m: int = 48,
    nbits: int = 8,
    links: int = 16,
) -> float:
    """Return the bytes of an index over so many vectors.

    FLAT keeps the vectors themselves. IVF keeps a number for each row beside it, and `nlist`
    centres; its vectors are whole (IVF_FLAT), a byte for each dimension (IVF_SQ8), or `m`
    numbers of `nbits` bits, which stand for the nearest of 2**nbits pieces (IVF_PQ; Jégou, Douze
    and Schmid 2011). HNSW keeps the vectors whole and links each row to up to 2 * links others,
    and one row in `links` to `links` more on the layer above (Malkov and Yashunin 2018).

    Args:
        rows: How many vectors.
        dim: Numbers in a vector.
        kind: One of KINDS.
        nlist: IVF's groups.
        m: IVF_PQ's pieces of a vector; divides `dim`.
        nbits: IVF_PQ's bits for each piece.
        links: HNSW's M.

    Raises:
        ValueError: The kind isn't known, or `m` doesn't divide `dim`.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} isn't known; use one of {', '.join(KINDS)}")
    whole = FLOAT_BYTES * dim
    if kind == "FLAT":
        return rows * whole
    if kind == "HNSW":
        lowest = (2 * links + 1) * FLOAT_BYTES  # the links, and how many they are
        above = (links + 1) * FLOAT_BYTES / (links - 1)  # 1/links + 1/links**2 + ... of the rows
        return rows * (whole + ID_BYTES + lowest + above)
    if kind == "IVF_PQ" and dim % m:
        raise ValueError(f"m={m} doesn't divide dim={dim}; a vector is cut into m equal pieces")
    row = {"IVF_FLAT": whole, "IVF_SQ8": dim, "IVF_PQ": m * nbits / 8}[kind]
    pieces = 2**nbits * whole if kind == "IVF_PQ" else 0
    return rows * (row + ID_BYTES) + nlist * whole + pieces


@dataclass(frozen=True)
class Cluster:
    """The query nodes that hold a collection in memory."""

    bytes_in_memory: float  # of all replicas together
    query_nodes: int

    def monthly_cost(self, price_per_node_hour: float) -> float:
        """Return what the nodes cost in a month, in the currency of the price."""
        return self.query_nodes * price_per_node_hour * HOURS_PER_MONTH


def plan(
    bytes_of_index: float,
    *,
    node_bytes: float,
    replicas: int = 1,
    usable: float = 0.7,
    bytes_of_fields: float = 0.0,
) -> Cluster:
    """Return how many query nodes hold a collection.

    Each replica is a whole copy, held by nodes of its own, and answers searches alone; so two
    answer twice as many and outlive the loss of a node. Shards, by which a collection's writes
    are divided, don't appear: they change who takes a row in, not how many bytes there are.

    Args:
        bytes_of_index: As `index_bytes` has it.
        node_bytes: Memory of one node.
        replicas: Copies in memory.
        usable: The share of a node's memory for data; the rest is for the search itself, for new
            rows that have no index yet, and for segments that are merged.
        bytes_of_fields: Of the fields that are loaded beside the index: keys, texts, dates.

    Raises:
        ValueError: A number is out of its range.
    """
    if not 0 < usable <= 1:
        raise ValueError(f"usable={usable} is a share of the memory; between 0 and 1")
    if replicas < 1 or node_bytes <= 0:
        raise ValueError(
            f"replicas={replicas}, node_bytes={node_bytes:g}: at least one replica, on nodes with "
            "memory"
        )
    one = bytes_of_index + bytes_of_fields
    nodes = replicas * max(1, math.ceil(one / (node_bytes * usable)))
    return Cluster(one * replicas, nodes)
