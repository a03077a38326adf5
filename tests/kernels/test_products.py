"""Matrix products by the threads of the kernels."""

import threading

import numpy as np
import pytest

from rnnbp import set_num_threads
from rnnbp.kernels import products
from rnnbp.kernels.products import SMALL, product
from rnnbp.runtime import blas, threads_as_before

SHAPES = [
    ((64, 80), (80, 96)),
    ((96, 80), (80, 64)),
    ((70, 80), (80, 1)),
    ((1, 300), (300, 200)),
    ((5, 64, 80), (80, 96)),
    ((64, 80), (5, 80, 96)),
    ((1, 64, 80), (80, 96)),
    ((2, 3), (3, 4)),
    ((0, 3), (3, 4)),
]


@pytest.fixture
def three_threads(monkeypatch):
    monkeypatch.setattr("rnnbp.runtime.threads.FLOPS_PER_THREAD", 1.0)
    monkeypatch.setattr(products, "SMALL", 100)
    monkeypatch.setattr(products, "SMALL_BY_VECTOR", 100)
    with threads_as_before():
        set_num_threads(3)
        yield


@pytest.mark.parametrize("dtype", [np.float32, np.float64, complex])
@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_products_of_threads_are_products(a, b, dtype, three_threads, rng):
    a, b = rng.standard_normal(a).astype(dtype), rng.standard_normal(b).astype(dtype)
    found = product(a, b)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, a @ b, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-4)


def test_transposed_factors_are_taken(three_threads, rng):
    a, b = rng.standard_normal((80, 64)), rng.standard_normal((96, 80))
    np.testing.assert_allclose(product(a.T, b.T), a.T @ b.T, rtol=1e-12)


def test_each_of_several_matrices_is_a_product_of_its_own(three_threads, rng):
    a, b = rng.standard_normal((4, 70, 80)).astype(np.float32), rng.standard_normal((80, 90)).astype(np.float32)
    np.testing.assert_array_equal(product(a, b), np.stack([one @ b for one in a]))


def test_a_large_product_is_split_and_a_small_one_is_not(monkeypatch, rng):
    ran = []
    monkeypatch.setattr(
        products, "run_shards", lambda count, run: [ran.append(k) or run(np.zeros(16), k, count) for k in range(count)]
    )
    with threads_as_before():
        set_num_threads(2)
        small, large = rng.standard_normal((60, 60)), rng.standard_normal((300, 300))
        assert small.size * 60 <= SMALL
        np.testing.assert_allclose(product(small, small), small @ small, rtol=1e-9)
        assert ran == []
        np.testing.assert_allclose(product(large, large), large @ large, rtol=1e-9)
        assert ran == [0, 1]
        set_num_threads(1)
        product(large, large)
    assert ran == [0, 1]


def test_the_librarys_own_threads_are_not_used_meanwhile(monkeypatch, three_threads, rng):
    if not blas.libraries():
        pytest.skip("NumPy's linear algebra is not OpenBLAS")
    counts, threads = [], set()
    shards = products.run_shards

    def watched(count, run):
        def watch(*shard):
            counts.append(blas.libraries()[0].get_num_threads())
            threads.add(threading.get_ident())
            run(*shard)

        shards(count, watch)

    monkeypatch.setattr(products, "run_shards", watched)
    a = rng.standard_normal((200, 200))
    product(a, a)
    assert counts == [1, 1, 1]
