"""The size of an index on a real server, against the formula."""

import pytest

from course_utils import vectorstore
from course_utils.vectorstore import measuring, server, sizing

pytestmark = pytest.mark.skipif(server.missing() is not None, reason=str(server.missing()))


def test_an_index_on_a_server_grows_by_about_what_the_formula_says(tmp_path):
    rows, dim = (5000, 20_000), 64
    with server.start(tmp_path / "server") as running:
        client = vectorstore.connect(running.uri)
        measured = []
        for count in rows:
            measuring.fill_with_vectors(client, "sizes", rows=count, dim=dim)
            size = measuring.measure_index_bytes(
                running, client, "sizes", kind="IVF_SQ8", params={"nlist": 64}
            )
            measured.append(size)
        client.close()
    predicted = [sizing.index_bytes(n, dim, "IVF_SQ8", nlist=64) for n in rows]
    slope = (measured[1] - measured[0]) / (predicted[1] - predicted[0])
    assert 0.7 < slope < 1.3
    assert measured == pytest.approx(predicted, rel=0.35)


def test_a_second_index_is_refused(tmp_path):
    with server.start(tmp_path / "server") as running:
        client = vectorstore.connect(running.uri)
        measuring.fill_with_vectors(client, "sizes", rows=100, dim=8)
        index = client.prepare_index_params()
        index.add_index("embedding", index_type="FLAT", metric_type="COSINE")
        client.create_index("sizes", index)
        with pytest.raises(ValueError, match="'sizes' has an index"):
            measuring.measure_index_bytes(running, client, "sizes", kind="FLAT", params={})
        client.close()
