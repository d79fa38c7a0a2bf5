import pytest
import tensorflow.compat.v1 as tf

from common.kernels import native
from common.kernels.layers import limit
from common.kernels.layers.limit import Product


def test_a_layer_has_three_products() -> None:
    assert limit.of_layer(7, 2, 3) == [Product(7, 3, 2), Product(7, 2, 3), Product(2, 3, 7)]


def test_more_work_takes_longer() -> None:
    small, large = [
        limit.rounds_per_sec([Product(size, size, size)], bf16=False) for size in (32, 256)
    ]
    assert small > 5 * large > 0
    assert limit.rounds_per_sec([Product(32, 32, 32)], bf16=True) > 0


def test_without_native_ops_there_is_no_limit_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "load", lambda: native.Native(None, "a reason"))
    with pytest.raises(RuntimeError, match="the products cannot be measured: a reason"):
        limit.rounds_per_sec([Product(1, 1, 1)], bf16=False)


def test_sizes_of_different_numbers() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match="m, n and k must be as many. Got: 1, 2 and 1"):
            session.run(native.load().ops.zoo_products_secs(m=[1], n=[1, 2], k=[1], rounds=1))
