"""What input layers make in a graph beside variables, for the training step, the increments and the
checkpoints.

A model_fn gives TensorFlow an EstimatorSpec and a model's forward gives logits: neither has room
for more. So each graph has one record, and this is the only file that knows where it is kept.
"""

import contextlib
import dataclasses
from typing import Dict, Iterator, List

import tensorflow.compat.v1 as tf

from common.embedding.deeprec_tables import DeepRecTable
from common.embedding.embedding_variable import EmbeddingVariable, Lookup
from common.embedding.served_table import ServedTable

# A tuple, as TensorFlow tries to write every collection whose key is a string into each MetaGraph.
_KEY = ("embedding_record",)


@dataclasses.dataclass
class GraphRecord:
    """What input layers made in one graph.

    Attributes:
      variables: embedding variables by full name, in the order in which they were made.
      served_tables: the tables that replace them in an exported graph, by full name.
      deeprec_tables: DeepRec's own tables, by the scope of their variables.
      lookups: in embedding variables, of the innermost `collect_lookups`.
    """

    variables: Dict[str, EmbeddingVariable] = dataclasses.field(default_factory=dict)
    served_tables: Dict[str, ServedTable] = dataclasses.field(default_factory=dict)
    deeprec_tables: Dict[str, DeepRecTable] = dataclasses.field(default_factory=dict)
    lookups: List[Lookup] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def collect_lookups(self) -> Iterator[List[Lookup]]:
        """The lookups that input layers make inside of the block, for the training step that
        updates their rows.
        """
        outer, self.lookups = self.lookups, []
        try:
            yield self.lookups
        finally:
            self.lookups = outer


def of_graph() -> GraphRecord:
    """The record of the default graph."""
    # In a collection, so that it goes when the graph goes: a dict by graph, even a weak one, would
    # keep both alive.
    records = tf.get_collection_ref(_KEY)
    if not records:
        records.append(GraphRecord())
    return records[0]
