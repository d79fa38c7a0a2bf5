"""Who serves which flag or environment variable, and how: on the stock wheel, and on DeepRec.

A flag that is not listed here is the same on both.
"""

from enum import Enum
from typing import List, NamedTuple, Tuple

from common.deeprec import symbols
from common.optimizers import catalog


class Who(Enum):
    """Who serves a flag."""

    OURS = "ours"
    DEEPREC = "DeepRec"
    BOTH = "both"  # DeepRec and ours
    TF = "TF"
    REFUSED = "refused"


class Answer(NamedTuple):
    """Who serves a flag, and how."""

    who: Who
    how: str


class Feature(NamedTuple):
    """A flag or environment variable and its two answers.

    Attributes:
      name: of the flag.
      stock, deeprec: on TensorFlow 1.15.5 and on DeepRec.
      value: of the flag, where its values differ.
      needs: what symbols.lacking must find, else the stock answer holds on DeepRec too.
      starts: whether start-up names it where it is on.
    """

    name: str
    stock: Answer
    deeprec: Answer
    value: str = ""
    needs: Tuple[str, ...] = ()
    starts: bool = False

    @property
    def title(self) -> str:
        """The flag as the table shows it."""
        if self.name.isupper():
            return "`{}`".format(self.name)
        return "`{}`".format(" ".join(filter(None, ["--" + self.name, self.value])))


def _same(name: str, who: Who, how: str, more: str = "", value: str = "",
          starts: bool = False) -> Feature:
    """A feature that DeepRec does not change; `more` says why where it has its own."""
    stock, deeprec = Answer(who, how), Answer(who, "as on stock" + more)
    return Feature(name, stock, deeprec, value, starts=starts)


def _ours(name: str, stock: str, deeprec: str, who: Who = Who.DEEPREC, value: str = "",
          needs: Tuple[str, ...] = (), starts: bool = True) -> Feature:
    """A feature that is ours on stock and somebody else's on DeepRec."""
    return Feature(name, Answer(Who.OURS, stock), Answer(who, deeprec), value, needs, starts)


def _optimizers() -> List[Feature]:
    """The rows of --optimizer: one for those of TensorFlow's, one for each of ours."""
    of_tensorflow = [entry.name for entry in catalog.ENTRIES if not entry.summary]
    rows = [_same("optimizer", Who.TF,
                  "TensorFlow's; tables of native lookups are updated by native ops",
                  value=", ".join(of_tensorflow), starts=True)]
    return rows + [_own_optimizer(entry) for entry in catalog.ENTRIES if entry.summary]


def _own_optimizer(entry: catalog.Entry) -> Feature:
    symbol = symbols.symbol(entry.name)
    if not symbol:
        return _same("optimizer", Who.OURS, entry.summary, value=entry.name, starts=True)
    return _ours("optimizer", entry.summary, "`{}`".format(symbol), value=entry.name,
                 needs=(entry.name,))


FEATURES = (
    _ours("bf16",
          "inputs of dense products rounded to BF16, sums and variables FP32; BF16 instructions "
          "where the CPU has them",
          "`tf.variable_scope.keep_weights`: BF16 tensors within each dense layer, FP32 variables; "
          "DIN's attention stays ours", needs=("bf16",), starts=False),
    _ours("emb_fusion", "all columns of an input layer in one native op",
          "fixed tables as on stock; lists of embedding variables by "
          "`tf.nn.fused_embedding_lookup_sparse`, or where servers divide them, which it cannot "
          "read, by `tf.nn.embedding_lookup`", Who.BOTH, needs=("emb_fusion",), starts=False),
    _ours("op_fusion",
          "dense layers, norms, mixtures, DIN's attention and activation in native ops, products "
          "on oneDNN",
          "`do_op_fusion` for the rest of the graph; native ops as on stock where they can be "
          "built", Who.BOTH, needs=("op_fusion",), starts=False),
    _ours("smartstaged", "rows read, hashed and split ahead of the steps by tf.data",
          "`tf.staged` with one thread and `do_smart_stage`, its hook in training and evaluation, "
          "behind tf.data", Who.BOTH, needs=("smartstaged",), starts=False),
    _same("micro_batch", Who.OURS,
          "slices of a batch one after another, their gradients averaged",
          ": DeepRec's graph pass copies the iterator, which fails with those that Estimators make "
          "(its issues 86, 127, 165, 588), and whether it averages is not told", starts=True),
    *_optimizers(),
    _ours("ev", "native hash tables, divided over servers by key",
          "`tf.get_embedding_variable`, divided over servers by key", needs=("ev",)),
    _ours("ev_filter", "native: a row once a key was seen `--ev_filter_freq` times",
          "`tf.CounterFilter`", value="counter", needs=("ev", "ev_filter")),
    _ours("ev_filter", "native counting Bloom filter",
          "`tf.CBFFilter` with 10 MB of counters a table", value="cbf", needs=("ev", "ev_filter")),
    _ours("ev_elimination",
          "native, at each full checkpoint: keys not updated for `--ev_steps_to_live` steps",
          "`tf.GlobalStepEvict`", value="gstep", needs=("ev", "ev_elimination")),
    _ours("ev_elimination",
          "native, at each full checkpoint: half the squared norm below `--ev_l2_threshold`",
          "`tf.L2WeightEvict`", value="l2", needs=("ev", "ev_elimination")),
    _ours("adaptive_emb",
          "hashed rows for cold ids, rows of embedding variables for hot ones, by counted "
          "frequency",
          "`tf.nn.safe_adaptive_embedding_lookup_sparse` with a mask of counted frequencies, which "
          "are ours; each item of a list as a row of its own", Who.BOTH,
          needs=("ev", "adaptive_emb")),
    _ours("dynamic_ev", "blocks by counted frequency",
          "`tf.get_dynamic_dimension_embedding_variable` with `blocknums` of counted frequencies, "
          "which are ours", Who.BOTH, needs=("dynamic_ev",)),
    _ours("multihash", "two tables Q + R, added",
          "`tf.get_multihash_variable` with equal sides, added", needs=("multihash",)),
    _ours("incremental_ckpt", "the rows touched since the last full checkpoint",
          "`Saver` and `Scaffold(incremental_save_restore=True)`, "
          "`CheckpointSaverHook(incremental_save_secs)`", needs=("incremental_ckpt",)),
    _same("workqueue", Who.OURS, "a native queue of parts of the file on the first server",
          ": DeepRec's hands out whole files, and a data set here is one; "
          "`docker/Dockerfile.deeprec` does not build the native kernels that it needs",
          starts=True),
    _same("parquet_dataset", Who.OURS,
          "row groups decoded and hashed by our reader, for which text and Parquet give the same "
          "ids",
          ": `ParquetDataset` neither checks nor mixes rows, and does not resume where a run "
          "stopped"),
    _same("parquet_dataset_shuffle", Who.OURS, "row groups drawn in an order of the seed",
          ", see `--parquet_dataset`", starts=True),
    _same("protocol", Who.TF, "TensorFlow's servers", value="grpc"),
    Feature("protocol", Answer(Who.REFUSED, "no server is registered for them; use grpc"),
            Answer(Who.DEEPREC, "DeepRec's servers, addresses in `.endpoint_map`, and "
                                "`tensor_fuse`"), value="grpc++, star_server"),
    _ours("START_STATISTIC_STEP", "set to 100 by `common/launch.py`; nothing reads it",
          "set to 100 by `common/launch.py`, read by its memory planner", Who.BOTH, starts=False),
    _ours("STOP_STATISTIC_STEP", "set to 110 by `common/launch.py`; nothing reads it",
          "set to 110 by `common/launch.py`, read by its memory planner", Who.BOTH, starts=False),
    _same("MALLOC_CONF", Who.OURS,
          "set by `common/launch.py` before Python starts; read by jemalloc"),
    _same("LD_PRELOAD", Who.OURS, "set by `common/launch.py` where jemalloc is installed"),
    _same("input_layer_partitioner", Who.TF, "`tf.variable_axis_size_partitioner`",
          "; refused with DeepRec's own tables, which servers share by key"),
    _same("dense_layer_partitioner", Who.TF, "`tf.variable_axis_size_partitioner`"),
    _same("tf", Who.TF, "TF 1.15.5's own API throughout; every feature is off"),
)


def _number(name: str) -> Feature:
    return _ours(
        name, "a number of the features above", "as on stock", Who.BOTH, starts=False)


# They stand behind the flags of single models.
NUMBERS = (
    _number("ev_filter_freq"), _number("ev_steps_to_live"), _number("ev_l2_threshold"),
    _number("hot_freq"))


def of_model(name: str) -> Feature:
    """A flag that a model adds by itself."""
    return _same(name, Who.OURS, "a part of the model")


def unlisted(name: str) -> Feature:
    """A flag that no feature knows."""
    return _same(name, Who.OURS, "the same code on both")
