"""Bytes of an index, and the machines for it."""

import pytest

from course_utils.vectorstore import sizing


def test_flat_holds_four_bytes_a_number():
    assert sizing.index_bytes(1000, 384, "FLAT") == 1000 * 384 * 4


def test_a_byte_a_number_is_a_quarter_of_the_vectors():
    # 384 bytes and an id of 8 a row, and 128 centres of 384 * 4 bytes
    assert sizing.index_bytes(1000, 384, "IVF_SQ8", nlist=128) == 1000 * 392 + 128 * 1536


def test_product_quantization_holds_m_numbers_a_row_and_its_pieces_once():
    # 48 bytes and an id, the centres, and 256 pieces for each place, together 256 vectors
    expected = 1000 * 56 + 128 * 1536 + 256 * 1536
    assert sizing.index_bytes(1000, 384, "IVF_PQ", nlist=128, m=48) == expected


def test_hnsw_holds_its_links_beside_the_vectors():
    # 32 links and their number on the lowest layer; 16 and their number for a 15th of the rows
    per_row = 1536 + 8 + 33 * 4 + 17 * 4 / 15
    assert sizing.index_bytes(1000, 384, "HNSW", links=16) == pytest.approx(1000 * per_row)


def test_twice_the_rows_take_twice_the_bytes_but_for_what_is_kept_once():
    for kind in sizing.KINDS:
        once, twice, thrice = (sizing.index_bytes(n * 10**6, 384, kind) for n in (1, 2, 3))
        assert thrice - twice == pytest.approx(twice - once)
        assert once <= twice - once + 3e6


def test_an_unknown_kind_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"'ivf'.*FLAT, IVF_FLAT, IVF_SQ8, IVF_PQ, HNSW"):
        sizing.index_bytes(1, 384, "ivf")


def test_pieces_that_do_not_divide_a_vector_are_refused():
    with pytest.raises(ValueError, match="m=50 doesn't divide dim=384"):
        sizing.index_bytes(1, 384, "IVF_PQ", m=50)


def test_a_replica_doubles_bytes_and_nodes():
    one = sizing.plan(100e9, node_bytes=64e9, usable=0.5)
    two = sizing.plan(100e9, node_bytes=64e9, usable=0.5, replicas=2)
    assert (one.query_nodes, two.query_nodes) == (4, 8)  # 32 GB of each node are usable
    assert (one.bytes_in_memory, two.bytes_in_memory) == (100e9, 200e9)


def test_a_cluster_costs_its_nodes_by_the_hour():
    assert sizing.plan(100e9, node_bytes=200e9).monthly_cost(2.0) == 1 * 2.0 * 730


def test_fields_beside_the_index_count():
    assert sizing.plan(60e9, node_bytes=100e9, bytes_of_fields=20e9).query_nodes == 2


def test_a_share_above_one_is_refused():
    with pytest.raises(ValueError, match=r"usable=1\.2"):
        sizing.plan(1.0, node_bytes=1.0, usable=1.2)


def test_no_replica_is_refused():
    with pytest.raises(ValueError, match="replicas=0"):
        sizing.plan(1.0, node_bytes=1.0, replicas=0)
