"""The rows of embedding tables in a checkpoint, by key, however they are stored.

A table is read a part at a time: a slice of a partitioned variable, or what one parameter server
held of an embedding variable.
"""

import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint import tables
from common.embedding import sizes
from common.embedding.kinds import Kind
from common.errors import BadInput
from common.tf_private import Slice

_WINDOW_ROWS = 65536
_WEIGHTS = "input_layer/{}_embedding/embedding_weights"


class Rows(NamedTuple):
    """Some rows of a table.

    Attributes:
      keys: of the rows, int64 [N]: ids of a table of fixed size or of two, else keys.
      vectors: float32 [N, D].
    """

    keys: np.ndarray
    vectors: np.ndarray


class StoredTable:
    """One embedding table of a checkpoint.

    Args:
      path: the prefix of the checkpoint's files.
      table: the table's name, which columns may share.
      scope: of the input layer, where several have a table of that name.
      kind: how it is stored.
      buckets: the ids of a table of fixed size.

    Attributes:
      size: how many keys have rows of their own.
      width: of a row, D.

    Raises:
      BadInput: the checkpoint has no such table, or more than one.
    """

    def __init__(self, path: str, table: str, scope: str, kind: Kind, buckets: int) -> None:
        self._path, self._kind, self._buckets = path, kind, buckets
        self._reader = tf.train.load_checkpoint(path)
        self._shapes: Dict[str, List[int]] = self._reader.get_variable_to_shape_map()
        self._name = _find_name(path, self._shapes, table, scope)
        self._read = _READERS[kind]
        self.size, self.width = self._measure()

    def _measure(self) -> Tuple[int, int]:
        if self._kind is Kind.FIXED:
            rows, width = self._shapes[self._name]
            return rows, width
        if self._kind is Kind.MULTIHASH:
            return self._buckets, self._shapes[self._name + "/multhash_Q"][1]
        names = self.variables()
        parts = tables.stored_parts(names[0], self._shapes, self._path)
        widths = [self._shapes[tables.stored_parts(name, self._shapes, self._path)[0] + "-values"]
                  for name in names]
        num_keys = [self._shapes[part + "-keys"][0] for part in parts]
        return sum(num_keys), sum(width for _, width in widths)

    def rows(self) -> Iterator[Rows]:
        """All rows, at most 65,536 at a time."""
        for rows in self._read(self):
            for low in range(0, len(rows.keys), _WINDOW_ROWS):
                high = low + _WINDOW_ROWS
                yield Rows(rows.keys[low:high], rows.vectors[low:high])

    def variables(self) -> List[str]:
        """The names of the embedding variables that make up its rows, side by side."""
        if self._kind is Kind.ADAPTIVE:
            return [self._name + "/ev_weights"]
        if self._kind is Kind.DYNAMIC:
            pattern = re.compile(re.escape(self._name) + r"/(block\d+)(/part_\d+)?-keys")
            found = map(pattern.fullmatch, self._shapes)
            blocks = {match.group(1) for match in found if match}
            return ["{}/{}".format(self._name, block) for block in sorted(blocks)]
        return [self._name]

    def fixed(self) -> Iterator[Rows]:
        """The rows of a variable, slice by slice."""
        for low, size in _slices(self._path, self._name) or [(0, self.size)]:
            keys = np.arange(low, low + size)
            yield Rows(keys, self._read_slice(low, size))

    def _read_slice(self, low: int, size: int) -> np.ndarray:
        if size == self.size:
            return self._reader.get_tensor(self._name)
        place = Slice(self._name, [self.size, self.width], [low, 0], [size, self.width])
        with tf.Graph().as_default(), tf.Session() as session:
            tensor, = tf_private.read(self._path, [self._name], [tf.float32], [place.spec])
            return session.run(tensor)

    def multihash(self) -> Iterator[Rows]:
        """The sums of two rows for each id."""
        quotients = self._reader.get_tensor(self._name + "/multhash_Q")
        remainders = self._reader.get_tensor(self._name + "/multhash_R")
        side = sizes.side(self._buckets)
        for low in range(0, self._buckets, _WINDOW_ROWS):
            keys = np.arange(low, min(low + _WINDOW_ROWS, self._buckets))
            yield Rows(keys, quotients[keys // side] + remainders[keys % side])

    def embedding_variables(self) -> Iterator[Rows]:
        """The rows of embedding variables, part by part; those of several stand side by side."""
        first, *others = self.variables()
        for part in tables.stored_parts(first, self._shapes, self._path):
            keys = self._reader.get_tensor(part + "-keys")
            blocks = [self._reader.get_tensor(part + "-values")]
            for other in others:
                blocks.append(self._block(other + part[len(first):], keys))
            yield Rows(keys, np.concatenate(blocks, 1))

    def _block(self, part: str, keys: np.ndarray) -> np.ndarray:
        """The rows that a part of a further block has of some keys, zeros where it has none."""
        own_keys = self._reader.get_tensor(part + "-keys")
        values = self._reader.get_tensor(part + "-values")
        block = np.zeros([len(keys), values.shape[1]], np.float32)
        _, places, own_places = np.intersect1d(keys, own_keys, True, return_indices=True)
        block[places] = values[own_places]
        return block


_READERS = {
    Kind.FIXED: StoredTable.fixed,
    Kind.MULTIHASH: StoredTable.multihash,
    Kind.EV: StoredTable.embedding_variables,
    Kind.ADAPTIVE: StoredTable.embedding_variables,
    Kind.DYNAMIC: StoredTable.embedding_variables,
}


def _find_name(path: str, names: Iterable[str], table: str, scope: str) -> str:
    """The name of a table in a checkpoint, with its scope."""
    weights = re.escape(_WEIGHTS.format(table))
    pattern = re.compile(r"((?:.*/)?" + weights + r")(?:/.*|-keys)?")
    matches = filter(None, map(pattern.fullmatch, names))
    found = sorted({match.group(1) for match in matches})
    if len(found) > 1:
        found = [name for name in found if name.startswith(scope + "/")]
    if len(found) != 1:
        raise BadInput("{}: it has {} tables named {}. Expected one, of a run that was trained "
                       "with the present model.".format(path, len(found), table))
    return found[0]


def _slices(path: str, name: str) -> List[Tuple[int, int]]:
    """The first row and the number of rows of each slice of a variable; none if it is whole.

    The graph beside a checkpoint has them; the names in it are of whole variables.
    """
    meta = tf.MetaGraphDef()
    with tf.gfile.GFile(path + ".meta", "rb") as file:
        meta.ParseFromString(file.read())
    slices = []
    for text in meta.collection_def[tf.GraphKeys.GLOBAL_VARIABLES].bytes_list.value:
        variable = tf_private.VariableDef.FromString(text)
        place = variable.save_slice_info_def
        if place.full_name == name:
            slices.append((place.var_offset[0], place.var_shape[0]))
    return sorted(slices)
