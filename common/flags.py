"""The command line that the models share: flags, types and the checks across flags."""

import argparse
import os
import time
from typing import Callable, Dict, List, Optional

from common import layers
from common.config import cluster
from common.config.run import Run
from common.config.schema import Schema
from common.config.tables import L2_THRESHOLD, Eviction, Settings
from common.config.toggles import Toggles
from common.deeprec import conflicts, support
from common.embedding import deeprec_tables, kinds
from common.embedding.input_layer import Embedding
from common.embedding.storage import Storage
from common.layers import Dense
from common.optimizers import catalog
from common.optimizers.train_step import Training
from common.pipeline import source
from common.pipeline.source import Data
from common.process import threads

DEFAULT_DATA = "./data"
DEFAULT_OUTPUT = "./result"
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def boolean(text: str) -> bool:
    """Reads true or false."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError("expected true or false. Got: {!r}.".format(text))
    return text.lower() == "true"


def count(text: str) -> int:
    """Reads a whole number >= 0."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError("expected a whole number >= 0. Got: {!r}.".format(text))
    return int(text)


def positive(text: str) -> int:
    """Reads a whole number > 0."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("expected a whole number > 0. Got: {!r}.".format(text))
    return int(text)


def amount(text: str) -> float:
    """Reads a finite number >= 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("expected a number >= 0. Got: {!r}.".format(text))
    return value


def choice(*names: str) -> Callable[[str], Optional[str]]:
    """Reads one of the names, or None."""
    def read(text: str) -> Optional[str]:
        if text not in ("None",) + names:
            raise argparse.ArgumentTypeError("expected None or one of {}. Got: {!r}.".format(", ".join(names), text))
        return None if text == "None" else text

    return read


def make_parser(description: str, learning_rate: float, optimizer: str, epochs: int,
                save_steps: Optional[int] = None) -> argparse.ArgumentParser:
    """A parser of the shared flags; the arguments are the model's defaults."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False, usage="%(prog)s [flags]; all: --help",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_basic(parser.add_argument_group("training"), learning_rate, optimizer, epochs)
    _add_files(parser.add_argument_group("files"), save_steps)
    _add_features(parser.add_argument_group("features"))
    return parser


def _add_basic(group: argparse._ArgumentGroup, learning_rate: float, optimizer: str, epochs: int) -> None:
    group.add_argument("--seed", type=count, default=2021, help="seed of weights and row order (default 2021)")
    group.add_argument("--steps", type=count, default=0,
                       help="global step at which training ends; 0: that of {} epochs (default 0)".format(epochs))
    group.add_argument("--batch_size", type=positive, default=512, help="rows a step (default 512)")
    group.add_argument("--learning_rate", type=amount, default=learning_rate,
                       help="learning rate (default {})".format(learning_rate))
    group.add_argument("--optimizer", choices=catalog.NAMES, default=optimizer,
                       help="optimizer of all variables (default {})".format(optimizer))
    group.add_argument("--l2_regularization", type=amount, default=None, metavar="SCALE",
                       help="adds SCALE * sum(kernel ** 2) / 2 of every dense kernel to the loss (default none)")
    group.add_argument("--shuffle_buffer", type=count, default=131072,
                       help="rows mixed at a time; 0 keeps the file's order (default 131072)")
    group.add_argument("--no_eval", type=boolean, nargs="?", const=True, default=False,
                       help="do not evaluate on the test rows")
    group.add_argument("--inter", type=count, default=0, help="inter-op threads; 0: TensorFlow's choice (default 0)")
    group.add_argument("--intra", type=count, default=0, help="intra-op threads; 0: TensorFlow's choice (default 0)")


def _add_files(group: argparse._ArgumentGroup, save_steps: Optional[int]) -> None:
    group.add_argument("--data_location", default=DEFAULT_DATA,
                       help="folder of the train and test files (default ./data, else the data folder of the project)")
    group.add_argument("--parquet_dataset", type=boolean, nargs="?", const=True, default=True,
                       help="take .parquet files where they are there; false or --tf: CSV (default true)")
    group.add_argument("--parquet_dataset_shuffle", type=boolean, nargs="?", const=True, default=False,
                       help="draw the row groups of a Parquet file in random order too; rows are mixed within the "
                            "shuffle buffer in any case (default false)")
    group.add_argument("--max_bad_rows", type=count, default=0, metavar="N",
                       help="skip and count up to N rows that cannot be read (default 0)")
    group.add_argument("--output_dir", default=None,
                       help="folder of logs and saved models (default ./result, or the checkpoints' with --checkpoint)")
    group.add_argument("--checkpoint", "--checkpoint_dir", default=None,
                       help="folder of the checkpoints; training goes on from what is in it "
                            "(default OUTPUT_DIR/model_MODEL_TIMESTAMP)")
    group.add_argument("--save_steps", type=count, default=save_steps,
                       help="steps between checkpoints; 0: only at the end (default {})".format(
                           "every 600 seconds" if save_steps is None else save_steps))
    group.add_argument("--keep_checkpoint_max", type=positive, default=1, help="newest checkpoints kept (default 1)")
    group.add_argument("--timeline", type=count, default=None,
                       help="steps between Chrome traces, written to timeline-STEP.json; 0: none (default none)")


def _add_features(group: argparse._ArgumentGroup) -> None:
    def switch(name: str, default: bool, text: str) -> None:
        group.add_argument("--" + name, type=boolean, nargs="?", const=True, default=default,
                           help="{} (default {})".format(text, str(default).lower()))

    switch("tf", False, "build everything with TF 1.15.5's own API and switch the features off")
    switch("bf16", False, "multiply in BF16 in the dense layers but the last; variables stay FP32")
    switch("emb_fusion", True, "look all columns of an input layer up in one native op")
    switch("op_fusion", True, "compute dense layers, batch normalisations, mixtures and DIN's attention in native ops")
    switch("smartstaged", True, "read and decode rows ahead of the steps that need them")
    group.add_argument("--micro_batch", type=count, default=0, metavar="N",
                       help="slices of a batch that follow one another, to save memory; 0 or 1: whole (default 0)")
    _add_storage(group, switch)
    group.add_argument("--incremental_ckpt", type=count, default=0, metavar="SECS",
                       help="seconds between incremental checkpoints of the rows touched since the last whole one; "
                            "0: none (default 0)")
    switch("workqueue", False, "take rows from one queue of work items that all trainers share")
    group.add_argument("--protocol", choices=("grpc", "grpc++", "star_server"), default="grpc",
                       help="protocol between processes; the last two need DeepRec (default grpc)")
    group.add_argument("--wait_secs", type=amount, default=1800.0, metavar="SECS",
                       help="how long a process of a cluster waits for another (default 1800)")
    group.add_argument("--input_layer_partitioner", type=count, default=0, metavar="MB",
                       help="largest slice of an embedding table in MB; 0: whole (default 0)")
    group.add_argument("--dense_layer_partitioner", type=count, default=0, metavar="KB",
                       help="largest slice of a dense layer's variable in kB; 0: whole (default 0)")


def _add_storage(group: argparse._ArgumentGroup, switch: Callable[[str, bool, str], None]) -> None:
    switch("ev", False, "embedding variables, which grow with their keys, in place of fixed tables")
    group.add_argument("--ev_filter", type=choice("counter", "cbf"), default=None,
                       help="what admits keys to embedding variables: None, counter or cbf, a Bloom filter of counters "
                            "(default None)")
    group.add_argument("--ev_filter_freq", type=positive, default=3, metavar="N",
                       help="how often a key must be seen to be admitted by --ev_filter (default 3)")
    group.add_argument("--ev_elimination", type=choice("l2", "gstep"), default=None,
                       help="what evicts keys of embedding variables when a checkpoint is saved: None, l2 or gstep "
                            "(default None)")
    group.add_argument("--ev_steps_to_live", type=positive, default=4000, metavar="STEPS",
                       help="gstep evicts keys that no step updated for longer (default 4000)")
    group.add_argument("--ev_l2_threshold", type=amount, default=L2_THRESHOLD, metavar="X",
                       help="l2 evicts keys with half the squared norm of their row below X (default {})".format(
                           L2_THRESHOLD))
    switch("adaptive_emb", False, "rows of their own for keys that are seen often, shared ones for the others")
    switch("dynamic_ev", False, "embeddings that grow wider the more often their key is seen")
    group.add_argument("--hot_freq", type=positive, default=8, metavar="N",
                       help="how often a key must be seen to be hot: for --adaptive_emb a row of its own, for "
                            "--dynamic_ev a second block (default 8)")
    switch("multihash", False, "the sum of two small tables in place of each large one")


def parse(parser: argparse.ArgumentParser, argv: Optional[List[str]]) -> argparse.Namespace:
    """Parses and checks across flags and TF_CONFIG; wrong use ends the process with status 2 and a message.

    Adds `toggles` (Toggles), `cluster` (Cluster or None), `storage` (Storage) and `deeprec_tables` (DeepRecTables or
    None) to the flags.
    """
    args = parser.parse_args(argv)
    try:
        conflicts.check(_wanted(args))
        args.toggles = Toggles(args.tf, args.bf16, *[flag and not args.tf for flag in (
            args.emb_fusion, args.op_fusion, args.smartstaged)], micro_batch=_slices(args.micro_batch, args.batch_size))
        args.cluster = cluster.read(os.environ)
        conflicts.check_protocol(args.protocol, list(args.cluster.processes(*cluster.ROLES).values()) if args.cluster
                                 else [])
        settings = _settings(args)
        args.deeprec_tables = deeprec_tables.of_flags(_wanted(args), settings, args.hot_freq)
        args.storage = _storage(args, settings)
    except ValueError as error:
        parser.error(str(error))
    if args.cluster and not args.checkpoint:
        parser.error("the processes of a cluster share one folder of checkpoints, so that each can be started again. "
                     "Give all of them the same --checkpoint, on storage that they share.")
    if args.data_location == DEFAULT_DATA and not os.path.isdir(DEFAULT_DATA):
        args.data_location = os.path.join(_ROOT, "data")
    return args


def _settings(args: argparse.Namespace) -> Settings:
    """How flags want embedding variables to be made; args.cluster is read."""
    eviction = Eviction(args.ev_elimination or "", args.ev_steps_to_live, args.ev_l2_threshold)
    servers = len(args.cluster.jobs.get("ps", [])) if args.cluster else 0
    return Settings(args.ev_filter or "", args.ev_filter_freq, eviction=eviction, servers=servers)


def _storage(args: argparse.Namespace, settings: Settings) -> Storage:
    """How flags want hashed and vocabulary columns to be stored; args.deeprec_tables is read."""
    if args.deeprec_tables:
        return Storage()
    return Storage(kinds.of_flags(vars(args)), settings, args.hot_freq)


def _slices(micro_batch: int, batch_size: int) -> int:
    """The slices of a batch, 0 for whole ones."""
    if micro_batch > batch_size:
        raise ValueError("--micro_batch {} cuts batches of --batch_size {} into slices without rows. Give {} or less.".
                         format(micro_batch, batch_size, batch_size))
    return micro_batch if micro_batch > 1 else 0


def _wanted(args: argparse.Namespace) -> Dict[str, object]:
    """The flags that features look at, by name."""
    return {name: getattr(args, name) for name in conflicts.WANTED}


def open_data(args: argparse.Namespace, schema: Schema) -> Data:
    """Opens the files that flags name; raises BadInput where they cannot be used.

    What reads them may use a session of TensorFlow's, so the threads that flags want are made first.
    """
    threads.start(args.intra)
    if args.ev or args.adaptive_emb or args.dynamic_ev:
        schema = schema.with_keys()
    return source.open_data(args.data_location, schema, args.parquet_dataset and not args.tf, args.max_bad_rows,
                            check_all=args.tf)


def embedding(args: argparse.Namespace, dimension: int) -> Embedding:
    """How flags want columns to be embedded, with width D."""
    return Embedding(dimension, args.toggles, layers.partitioner(args.input_layer_partitioner << 20),
                     storage=args.storage, deeprec_tables=args.deeprec_tables)


def dense(args: argparse.Namespace) -> Dense:
    """How flags want dense layers to be built."""
    return Dense(args.toggles, args.l2_regularization or 0.0, layers.partitioner(args.dense_layer_partitioner << 10))


def training(args: argparse.Namespace) -> Training:
    """How flags want a model to be trained."""
    return Training(args.optimizer, args.learning_rate, args.toggles)


def make_run(args: argparse.Namespace, model: str, epochs: int, train_rows: int) -> Run:
    """The Run that flags ask for.

    Args:
      model: the model's name, for the default folder.
      epochs: how many epochs `--steps 0` stands for.
      train_rows: the rows of an epoch.
    """
    checkpoint = args.checkpoint or _new_folder(os.path.join(args.output_dir or DEFAULT_OUTPUT, "model_" + model))
    steps = args.steps or -(-epochs * train_rows // args.batch_size)
    result = args.output_dir if args.checkpoint and args.output_dir else checkpoint
    return Run(model=model, checkpoint_dir=checkpoint, result_dir=result, steps=steps,
               epochs=0 if args.steps else epochs, batch_size=args.batch_size, seed=args.seed,
               shuffle_rows=args.shuffle_buffer, parquet_shuffle=args.parquet_dataset_shuffle,
               save_steps=args.save_steps, keep_checkpoint_max=args.keep_checkpoint_max, timeline=args.timeline or 0,
               evaluate=not args.no_eval,
               inter=args.inter, intra=args.intra, protocol=args.protocol, toggles=args.toggles, cluster=args.cluster,
               wait_secs=args.wait_secs, incremental_ckpt=args.incremental_ckpt, workqueue=args.workqueue,
               asked=support.asked(_wanted(args)))


def _new_folder(stem: str) -> str:
    """A folder name of the stem and the time in seconds that is not taken yet."""
    stamp = int(time.time())
    while os.path.exists("{}_{}".format(stem, stamp)):
        stamp += 1
    return "{}_{}".format(stem, stamp)
