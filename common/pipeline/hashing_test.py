import numpy as np
import pyarrow as pa
import tensorflow.compat.v1 as tf

from common.pipeline import hashing


def test_fingerprint_of_separators_and_nothing() -> None:
    fingerprint = hashing.make_fingerprint()
    values = [b"a\x00b", b"", b"\x00", b"x" * 1000]
    with tf.Graph().as_default(), tf.Session() as session:
        expected = session.run(tf.strings.to_hash_bucket_fast(values, 1 << 30))
    assert (fingerprint(pa.array(values)) % np.uint64(1 << 30)).tolist() == expected.tolist()
    assert fingerprint(pa.array([], pa.binary())).tolist() == []
