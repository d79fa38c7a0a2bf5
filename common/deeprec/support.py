"""Who serves which flag: what `python -m common.deeprec` prints and the start-up table, from one list."""

import importlib
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import tensorflow as tf

from common.config.toggles import Toggles
from common.deeprec import conflicts
from common.deeprec import symbols as deeprec
from common.kernels import native
from common.kernels.layers import dense

MODELS = {"ESMM": "data.taobao", "MMoE": "data.taobao", "PLE": "data.taobao", "DIN": "data.amazon",
          "DLRM": "data.eleme"}
_SAME = (
    "data_location", "steps", "no_eval", "batch_size", "output_dir", "checkpoint", "checkpoint_dir", "save_steps",
    "seed", "timeline", "keep_checkpoint_max", "learning_rate", "l2_regularization", "inter", "intra", "shuffle_buffer",
    "max_bad_rows", "wait_secs")

_NUMBERS = ("ev_filter_freq", "ev_steps_to_live", "ev_l2_threshold", "hot_freq")  # of features that others switch on


class Answer(NamedTuple):
    """Who serves a flag, 'ours', 'TF', 'DeepRec', 'both' (DeepRec and ours) or 'refused', and how."""

    who: str
    how: str


class Feature(NamedTuple):
    """A flag or environment variable and its two answers.

    Attributes:
      name: of the flag.
      value: of the flag, where its values differ.
      stock, deeprec: on TensorFlow 1.15.5 and on DeepRec.
      needs: what deeprec.lacking must find, else the stock answer holds on DeepRec too.
      only: the models that have the flag; none for all.
      for_model: model -> who serves it on DeepRec, where that differs.
    """

    name: str
    value: str
    stock: Answer
    deeprec: Answer
    needs: Tuple[str, ...] = ()
    only: Tuple[str, ...] = ()
    for_model: Mapping[str, str] = {}

    @property
    def title(self) -> str:
        """The flag as the table shows it."""
        return "`{}`".format(self.name if self.name.isupper() else "--{}{}".format(
            self.name, " " + self.value if self.value else ""))


def _both(who: str, how: str, more: str = "") -> Tuple[Answer, Answer]:
    """The same on stock TensorFlow and on DeepRec, there for a reason."""
    return Answer(who, how), Answer(who, "as on stock" + more)


def _own(stock: str, how: str, who: str = "DeepRec") -> Tuple[Answer, Answer]:
    return Answer("ours", stock), Answer(who, how)


FEATURES = (
    Feature("bf16", "", *_own(
        "inputs of dense products rounded to BF16, sums and variables FP32; BF16 instructions where the CPU has them",
        "`tf.variable_scope.keep_weights`: BF16 tensors within each dense layer, FP32 variables; DIN's attention stays "
        "ours"), ("bf16",), for_model={"DIN": "both"}),
    Feature("emb_fusion", "", *_own(
        "all columns of an input layer in one native op",
        "fixed tables as on stock; lists of embedding variables by `tf.nn.fused_embedding_lookup_sparse`, or where "
        "servers divide them, which it cannot read, by `tf.nn.embedding_lookup`", "both"), ("emb_fusion",),
        for_model={"DIN": "ours"}),
    Feature("op_fusion", "", *_own(
        "dense layers, norms, mixtures, DIN's attention and activation in native ops, products on oneDNN",
        "`do_op_fusion` for the rest of the graph; native ops as on stock where they can be built", "both"),
        ("op_fusion",)),
    Feature("smartstaged", "", *_own(
        "rows read, hashed and split ahead of the steps by tf.data",
        "`tf.staged` with one thread and `do_smart_stage`, its hook in training and evaluation, behind tf.data",
        "both"),
        ("smartstaged",)),
    Feature("micro_batch", "", *_both(
        "ours", "slices of a batch one after another, their gradients averaged",
        ": DeepRec's graph pass copies the iterator, which fails with those that Estimators make (its issues 86, 127, "
        "165, 588), and whether it averages is not told")),
    Feature("optimizer", "adam, adagrad, gradientdescent", *_both(
        "TF", "TensorFlow's; tables of native lookups are updated by native ops")),
    Feature("optimizer", "adamasync", *_own("DeepRec's rule: sparse rows alone, powers of each variable",
                                            "`tf.train.AdamAsyncOptimizer`"), ("adamasync",)),
    Feature("optimizer", "adagraddecay", *_own("DeepRec's rule: accumulators decay by global step",
                                               "`tf.train.AdagradDecayOptimizer`"), ("adagraddecay",)),
    Feature("ev", "", *_own("native hash tables, divided over servers by key",
                            "`tf.get_embedding_variable`, divided over servers by key"), ("ev",)),
    Feature("ev_filter", "counter", *_own("native: a row once a key was seen `--ev_filter_freq` times",
                                          "`tf.CounterFilter`"), ("ev", "ev_filter")),
    Feature("ev_filter", "cbf", *_own("native counting Bloom filter",
                                      "`tf.CBFFilter` with 10 MB of counters a table"),
            ("ev", "ev_filter")),
    Feature("ev_elimination", "gstep", *_own(
        "native, at each full checkpoint: keys not updated for `--ev_steps_to_live` steps", "`tf.GlobalStepEvict`"),
            ("ev", "ev_elimination")),
    Feature("ev_elimination", "l2", *_own(
        "native, at each full checkpoint: half the squared norm below `--ev_l2_threshold`", "`tf.L2WeightEvict`"),
            ("ev", "ev_elimination")),
    Feature("adaptive_emb", "", *_own(
        "hashed rows for cold ids, rows of embedding variables for hot ones, by counted frequency",
        "`tf.nn.safe_adaptive_embedding_lookup_sparse` with a mask of counted frequencies, which are ours; each item "
        "of a list as a row of its own", "both"), ("ev", "adaptive_emb")),
    Feature("dynamic_ev", "", *_own(
        "blocks by counted frequency",
        "`tf.get_dynamic_dimension_embedding_variable` with `blocknums` of counted frequencies, which are ours",
        "both"),
        ("dynamic_ev",)),
    Feature("multihash", "", *_own("two tables Q + R, added",
                                   "`tf.get_multihash_variable` with equal sides, added"), ("multihash",)),
    Feature("incremental_ckpt", "", *_own(
        "the rows touched since the last full checkpoint",
        "`Saver` and `Scaffold(incremental_save_restore=True)`, `CheckpointSaverHook(incremental_save_secs)`"),
        ("incremental_ckpt",)),
    Feature("workqueue", "", *_both(
        "ours", "a native queue of parts of the file on the first server",
        ": DeepRec's hands out whole files, and a data set here is one; `docker/Dockerfile.deeprec` does not build the "
        "native kernels that it needs")),
    Feature("parquet_dataset", "", *_both(
        "ours", "row groups decoded and hashed by our reader, for which text and Parquet give the same ids",
        ": `ParquetDataset` neither checks nor mixes rows, and does not go on where a run stopped")),
    Feature("parquet_dataset_shuffle", "", *_both("ours", "row groups drawn in an order of the seed", ", see "
                                                  "`--parquet_dataset`")),
    Feature("protocol", "grpc", *_both("TF", "TensorFlow's servers")),
    Feature("protocol", "grpc++, star_server", Answer("refused", "no server is registered for them; use grpc"), Answer(
        "DeepRec", "DeepRec's servers, addresses in `.endpoint_map`, and `tensor_fuse`")),
    Feature("START_STATISTIC_STEP", "", *_own("set to 100 by `common/launch.py`; nothing reads it",
                                              "set to 100 by `common/launch.py`, read by its memory planner", "both")),
    Feature("STOP_STATISTIC_STEP", "", *_own("set to 110 by `common/launch.py`; nothing reads it",
                                             "set to 110 by `common/launch.py`, read by its memory planner", "both")),
    Feature("MALLOC_CONF", "", *_both("ours", "set by `common/launch.py` before Python starts; read by jemalloc")),
    Feature("LD_PRELOAD", "", *_both("ours", "set by `common/launch.py` where jemalloc is installed")),
    Feature("input_layer_partitioner", "", *_both("TF", "`tf.variable_axis_size_partitioner`",
                                                  "; refused with DeepRec's own tables, which servers share by key")),
    Feature("dense_layer_partitioner", "", *_both("TF", "`tf.variable_axis_size_partitioner`")),
    Feature("tf", "", *_both("TF", "TF 1.15.5's own API throughout; every feature is off")),
    Feature("interaction_op", "", *_both("ours", "a part of the model"), only=("DLRM",)),
    *[Feature(name, "", *_both("ours", "the same code on both")) for name in _SAME],
    *[Feature(name, "", *_own("a number of the features above", "as on stock", "both")) for name in _NUMBERS],
)


def asked(wanted: Mapping[str, Any]) -> Tuple[Tuple[str, str], ...]:
    """The features that are on beside the toggles, and the values of their flags."""
    return tuple((name, "" if wanted[name] is True else str(wanted[name])) for name in conflicts.WANTED
                 if name not in ("tf", "bf16", "input_layer_partitioner") and wanted[name])


def here(feature: Feature) -> Answer:
    """Who serves a feature in this installation."""
    return _on_deeprec(feature) if deeprec.is_deeprec() else feature.stock


def _on_deeprec(feature: Feature) -> Answer:
    """DeepRec's answer; the stock one where the installed DeepRec lacks what it needs."""
    lacks = [deeprec.lacking(need) for need in feature.needs] if deeprec.is_deeprec() else []
    if not any(lacks):
        return feature.deeprec
    return Answer(feature.stock.who, "{} (this DeepRec: {})".format(feature.stock.how, "; ".join(filter(None, lacks))))


def _native(served: str, without: str) -> str:
    """What is served with native ops, or what is done without them and why."""
    reason = native.load().reason
    return "{}; no native ops: {}".format(without, reason) if reason else served


def _bf16(served: str, toggles: Toggles) -> str:
    inputs = "bfloat16 inputs, float32 sums and variables; multiplied "
    if deeprec.has("bf16"):
        return served
    if not toggles.op_fusion or not native.load().ops:
        return inputs + "in float32 by TensorFlow's own ops, so the numerics are BF16's and the speed is not"
    if dense.precision(True) == "bfloat16":
        return inputs + "in bfloat16 by oneDNN"
    return inputs + "in float32, as {} has no bfloat16 products: the numerics are BF16's and the speed is not".format(
        "oneDNN" if native.has_bfloat16() else "this CPU")


def start_up(toggles: Toggles, protocol: str, wanted: Sequence[Tuple[str, str]]) -> List[Tuple[str, str]]:
    """The start-up table: each feature and who serves it.

    Args:
      wanted: the features that are on beside the toggles, as asked gives them.
    """
    details: Dict[str, Callable[[str], str]] = {
        "bf16": lambda served: _bf16(served, toggles),
        "emb_fusion": lambda served: _native(served + "; tables in slices or on servers by TensorFlow's ops",
                                             "lists gathered and summed directly"),
        "op_fusion": lambda served: _native(served, "DeepRec's graph pass" if deeprec.has("op_fusion") else "off"),
        "smartstaged": lambda served: served}
    rows = [("TensorFlow", "{} ({})".format(tf.__version__, "DeepRec" if deeprec.is_deeprec() else "stock")),
            ("input and layers", "as TF 1.15.5 users write them (--tf)" if toggles.tf else
             "columnar input, id lookups")]
    rows += [(name, how(here(_named(name)).how) if getattr(toggles, name) else "off") for name, how in details.items()]
    rows += [("{} {}".format(name, value).strip(), "{}: {}".format(*here(_named(name, value))))
             for name, value in wanted]
    return rows + [("protocol", protocol)]


def _named(name: str, value: str = "") -> Feature:
    """The entry of a flag with that value."""
    entries = [feature for feature in FEATURES if feature.name == name]
    return next((feature for feature in entries if value in feature.value.split(", ")), entries[0])


def document() -> str:
    """Who serves what, as Markdown: flags by models, how, which columns, and what is refused."""
    return "\n\n".join("\n".join(lines) for lines in (_who_table(), _how_table(), _columns_table(), _rules_table()))


def _who_table() -> List[str]:
    lines = ["| stock / DeepRec | " + " | ".join(MODELS) + " |", "|---" * (len(MODELS) + 1) + "|"]
    for title, feature in _rows():
        answers = ["{} / {}".format(feature.stock.who, feature.for_model.get(model, _on_deeprec(feature).who))
                   if model in (feature.only or MODELS) else "no such flag" for model in MODELS]
        lines.append("| {} | {} |".format(title, " | ".join(answers)))
    return lines


def _rows() -> List[Tuple[str, Feature]]:
    """The features with their titles; those that are the same code everywhere are one."""
    same = [feature for feature in FEATURES if feature.name in _SAME]
    return [(feature.title, feature) for feature in FEATURES if feature not in same] + [
        (", ".join(feature.title for feature in same), same[0])]


def _how_table() -> List[str]:
    lines = ["| | on TensorFlow 1.15.5 | on DeepRec |", "|---|---|---|"]
    return lines + ["| {} | {} | {} |".format(title, feature.stock.how, _on_deeprec(feature).how)
                    for title, feature in _rows()]


def _columns_table() -> List[str]:
    """The columns that `--ev` and its relatives serve, and the others, by data set."""
    lines = ["| models | `--ev`, `--adaptive_emb`, `--dynamic_ev`, `--multihash` | fixed tables in any case |",
             "|---|---|---|"]
    for module in dict.fromkeys(MODELS.values()):
        columns = importlib.import_module(module).SCHEMA.features
        growing = [column.name for column in columns if column.may_grow]
        fixed = [column.name for column in columns if column.name not in growing]
        lines.append("| {} | {} | {} |".format(", ".join(model for model in MODELS if MODELS[model] == module),
                                               ", ".join(growing), ", ".join(fixed) or "none"))
    return lines


def _rules_table() -> List[str]:
    lines = ["| refused | where | why, and what instead |", "|---|---|---|"]
    for where, rules in (("everywhere", conflicts.EVERYWHERE), ("on DeepRec", conflicts.ON_DEEPREC)):
        for rule in rules:
            since = "; from release {} on it is served".format(rule.before) if rule.before else ""
            lines.append("| {} | {} | {}{} |".format(rule.flags, where, rule.reason, since))
    return lines
