"""The command line that the models share: which modules add flags, and the checks across them."""

import argparse
import os
from types import ModuleType
from typing import List, Optional, Tuple

from common import __version__
from common.callbacks import (curves, early_stopping, evaluate_every, improvement, validate_first,
                              warm_start)
from common.checkpoint import increments
from common.config import cluster, data_sets, mirrored, needs, run, tables, toggles
from common.config.flag_types import FlagParser
from common.config.model import ROOT, Model
from common.config.run import Run
from common.config.tables import Settings
from common.config.toggles import Toggles
from common.deeprec import conflicts, support
from common.embedding import config as embedding_config
from common.embedding import deeprec_tables, storage
from common.embedding.storage import Storage
from common.formats import column_names, csv_layout
from common.layers import config as layers_config
from common.metrics import objective
from common.metrics.objective import Objective
from common.naming import file_names
from common.optimizers import schedule, train_step
from common.optimizers.schedule import Schedule
from common.pipeline import checks, row_order, source, work_queue
from common.pipeline.source import Data
from common.places import addresses, uploads
from common.process import threads

# Each has add_flags(parser). One whose flags a single callback reads has from_flags(args) too: the
# value, a NamedTuple with defaults, is run.setting(ItsClass) there.
MODULES: Tuple[ModuleType, ...] = (
    data_sets, source, file_names, csv_layout, column_names, run, train_step, schedule, objective,
    layers_config, threads, row_order, checks, cluster, toggles, storage, tables, embedding_config,
    increments, work_queue, evaluate_every, improvement, early_stopping, warm_start,
    validate_first, curves)
_WILDCARDS = frozenset("*?[]\\")


def make_parser(description: str, model: Model) -> FlagParser:
    """A parser of the shared flags with the defaults of a model."""
    parser = FlagParser(description)
    version = "%(prog)s {}".format(__version__)
    parser.add_argument("--version", action="version", version=version)
    parser.set_defaults(
        learning_rate=model.learning_rate, optimizer=model.optimizer, epochs=model.epochs,
        save_steps=model.save_steps, model=model)
    for module in MODULES:
        module.add_flags(parser)
    return parser


def parse(parser: FlagParser, argv: Optional[List[str]]) -> argparse.Namespace:
    """Parses and checks across flags and TF_CONFIG; wrong use ends the process with status 2.

    Adds `tasks` (their names), `toggles` (Toggles), `schedule` (Schedule), `objective` (Objective),
    `cluster` (Cluster or None), `storage` (Storage), `deeprec_tables` (DeepRecTables or None) and
    `settings` (of callbacks) to the flags.
    """
    args = parser.parse_args(argv)
    try:
        _add_values(args)
    except ValueError as error:
        parser.error(str(error))
    if args.cluster and not args.checkpoint:
        parser.error(
            "the processes of a cluster share one folder of checkpoints, so that each can be "
            "started again. Give all of them the same --checkpoint, on storage that they share.")
    _check_places(parser, args)
    is_default = args.data_location == source.DEFAULT_LOCATION
    if is_default and not os.path.isdir(args.data_location):
        args.data_location = os.path.join(ROOT, "data")
    _check_apart(parser, args)
    return args


def _check_places(parser: FlagParser, args: argparse.Namespace) -> None:
    """Ends the process with status 2 for places that what was asked for cannot use."""
    for flag in ("checkpoint", "output_dir"):
        _check_folder(parser, args, flag)


def _check_folder(parser: FlagParser, args: argparse.Namespace, flag: str) -> None:
    """Ends the process with status 2 where a flag names what cannot be a run's folder."""
    address = getattr(args, flag) or ""
    special = sorted(set(address) & _WILDCARDS)
    holds_checkpoints = flag == "checkpoint" or not args.checkpoint
    if special and holds_checkpoints:
        parser.error(
            "--{} {}: TensorFlow takes {} in a folder's name for wildcards, and would not find its "
            "checkpoints. Give a name without.".format(flag, address, " ".join(special)))
    if not addresses.is_remote(address):
        taken = _file_in(address)
        if taken:
            parser.error("--{} {}: {} is a file. Give the name of a folder, which need not be "
                         "there.".format(flag, address, taken))
    elif args.cluster:
        parser.error(
            "--{} {}: the processes of a cluster write parts of one checkpoint, and read "
            "them, while they train, which they cannot through an object store. Give a folder "
            "that all of them mount, and copy it afterwards.".format(flag, address))


def _check_apart(parser: FlagParser, args: argparse.Namespace) -> None:
    """Ends the process with status 2 where what the run writes would be read as rows."""
    folders = {"checkpoint": args.checkpoint, "output_dir": args.output_dir}
    if not args.checkpoint and not args.output_dir:
        folders["output_dir"] = run.DEFAULT_OUTPUT
    for flag, folder in folders.items():
        for rows in ("train_files", "eval_files"):
            entry = file_names.entry_that_reads(getattr(args, rows), folder or "")
            if folder and entry:
                parser.error(
                    "--{} {}: --{} {} reads all files there as rows, so the next start would read "
                    "what this one writes. Give another folder.".format(flag, folder, rows, entry))


def _file_in(path: str) -> str:
    """What of a path, or of the folders above it, is a file; empty where nothing is."""
    while path and not os.path.isdir(path):
        if os.path.lexists(path):
            return path
        path = os.path.dirname(path)
    return ""


def _add_values(args: argparse.Namespace) -> None:
    """Adds what several flags, or flags and the environment, say together."""
    flags = dict(vars(args))
    conflicts.check(flags)
    needs.check(args.model, args.schema)
    args.tasks = needs.tasks(args.model, args.schema)
    args.toggles = Toggles.from_flags(args)
    args.schedule = Schedule.from_flags(args)
    args.objective = Objective.from_flags(args)
    args.cluster = cluster.read(os.environ)
    processes = args.cluster.processes(*cluster.ROLES) if args.cluster else {}
    conflicts.check_protocol(args.protocol, list(processes.values()))
    servers = len(args.cluster.jobs.get("ps", [])) if args.cluster else 0
    settings = Settings.from_flags(args, servers)
    args.deeprec_tables = deeprec_tables.of_flags(flags, settings, args.hot_freq)
    # DeepRec's own tables replace the storage of ours.
    args.storage = Storage() if args.deeprec_tables else Storage.from_flags(args, settings)
    args.settings = tuple(
        module.from_flags(args) for module in MODULES if hasattr(module, "from_flags"))


def open_data(args: argparse.Namespace) -> Data:
    """Opens the files that flags name; raises BadInput where they cannot be used.

    Folders of the run in an object store are written to first, as a run may take hours to its first
    save.

    What reads them may use a session of TensorFlow's, so the threads that flags want are made
    first.
    """
    for folder in mirrored.of([args.checkpoint or "", args.output_dir or ""]):
        uploads.check_writable(folder.address)
    threads.start(args.intra)
    schema = args.schema
    if args.ev or args.adaptive_emb or args.dynamic_ev:
        schema = schema.with_keys()
    data = source.open_data(
        args.data_location, schema, args.parquet_dataset and not args.tf, args.max_bad_rows,
        check_all=args.tf, train_files=args.train_files, eval_files=args.eval_files,
        csv_header=csv_layout.has_header(args), strict_columns=args.strict_columns,
        with_test=not args.no_eval)
    return data._replace(declared=args.schema)


def make_run(args: argparse.Namespace, model: Model) -> Run:
    """The Run of a model that parsed flags ask for."""
    return Run.from_flags(args, model, support.enabled_features(vars(args)))
