import argparse
import os
import re
import types
from typing import List, NamedTuple

import pytest

from common import flags
import common
from common.callbacks.early_stopping import EarlyStop
from common.callbacks.evaluate_every import EvalSteps
from common.callbacks.improvement import StopMetric
from common.config import run as run_of
from common.config.model import Model
from common.config.tables import Eviction, Settings
from common.config.toggles import Toggles
from common.kernels.native import Native
from common.optimizers.schedule import Schedule
from common.optimizers.train_step import Training
from common.testing.mains import FUSED


MODEL = Model("M", "data.taobao", ("click", "purchase"), epochs=10, learning_rate=0.1,
              optimizer="adagrad")


def parse(*argv: str) -> argparse.Namespace:
    return flags.parse(flags.make_parser("", MODEL), list(argv))


@pytest.mark.parametrize("argv, expected", [([], False), (["--bf16"], True),
                                            (["--bf16", "true"], True),
                                            (["--bf16", "False"], False), (["--bf16=TRUE"], True)])
def test_booleans_take_true_false_and_the_bare_flag(argv: List[str], expected: bool) -> None:
    assert parse(*argv).bf16 is expected and parse(*argv).toggles.bf16 is expected


@pytest.mark.parametrize("argv, checkpoint, result", [
    ([], "./result/model_M_", "./result/model_M_"),
    (["--output_dir", "out"], "out/model_M_", "out/model_M_"),
    (["--checkpoint", "ck"], "ck", "ck"),
    (["--checkpoint_dir", "ck"], "ck", "ck"),
    (["--checkpoint", "ck", "--output_dir", "out"], "ck", "out"),
])
def test_folders(argv: List[str], checkpoint: str, result: str) -> None:
    run = flags.make_run(parse(*argv), MODEL)
    assert run.checkpoint_dir.startswith(checkpoint) and run.result_dir.startswith(result)


def test_flags_reach_the_run() -> None:
    run = flags.make_run(
        parse("--steps", "5", "--batch_size", "6", "--seed", "7", "--shuffle_buffer", "8",
              "--save_steps", "9", "--keep_checkpoint_max", "10", "--timeline", "11", "--no_eval",
              "--inter", "12", "--intra", "13"), MODEL)
    assert (run.steps, run.batch_size, run.seed, run.shuffle_rows, run.save_steps,
            run.keep_checkpoint_max, run.timeline, run.evaluate, run.inter,
            run.intra) == (5, 6, 7, 8, 9, 10, 11, False, 12, 13)
    assert run.epochs == 0


def test_a_work_queue_reaches_the_run_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flags.conflicts.native, "load", lambda: Native(None, ""))
    runs = [flags.make_run(parse(*argv), MODEL) for argv in ([], ["--workqueue"])]
    assert [run.workqueue for run in runs] == [False, True]


def test_numbers_of_filters_and_eviction_reach_the_tables() -> None:
    storage = parse("--ev", "--ev_filter", "counter", "--ev_filter_freq", "5", "--ev_elimination",
                    "gstep", "--ev_steps_to_live", "77").storage
    assert storage.settings == Settings("counter", 5, eviction=Eviction("gstep", 77, 0.001))
    assert parse("--ev", "--ev_elimination", "l2", "--ev_l2_threshold",
                 "0.25").storage.settings.eviction == Eviction("l2", 4000, 0.25)
    assert parse("--adaptive_emb", "--hot_freq", "6").storage.often == 6


@pytest.mark.parametrize("argv, steps, epochs", [
    ([], 0, 10),
    (["--steps", "0"], 0, 10),
    (["--steps", "5"], 5, 0),
    (["--epochs", "3"], 0, 3),
    (["--steps", "5", "--epochs", "3"], 5, 3),
])
def test_the_rows_are_read_as_often_as_the_model_says_unless_flags_do(
        argv: List[str], steps: int, epochs: int) -> None:
    run = flags.make_run(parse(*argv), MODEL)
    assert (run.steps, run.epochs) == (steps, epochs)


def test_no_epochs_are_refused(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parse("--epochs", "0")
    assert "argument --epochs: expected a whole number > 0. Got: '0'" in capsys.readouterr().err


def test_a_taken_folder_is_not_shared(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_of.time, "time", lambda: 1000.5)
    os.makedirs(os.path.join(str(tmp_path), "model_M_1000"))
    run = flags.make_run(parse("--output_dir", str(tmp_path)), MODEL)
    assert run.checkpoint_dir == os.path.join(str(tmp_path), "model_M_1001")


def test_default_data_is_found_from_any_folder(tmp_path: object,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    root = os.path.dirname(os.path.dirname(os.path.abspath(flags.__file__)))
    monkeypatch.chdir(str(tmp_path))
    assert parse().data_location == os.path.join(root, "data")
    os.mkdir("data")
    assert parse().data_location == "./data"
    assert parse("--data_location", "elsewhere").data_location == "elsewhere"


@pytest.mark.parametrize(
    "argv, message",
    [(["--ev_filter", "cbf"
       ], "--ev_filter or --ev_elimination without --ev: they are options of embedding variables."),
     (["--ev_elimination", "l2", "--multihash"], "--ev_elimination without --ev: they are options"),
     (["--ev", "--multihash"
       ], "or --multihash with --ev: they store the same columns in different ways. Choose one."),
     (["--dynamic_ev", "--adaptive_emb"
       ], "two of --adaptive_emb, --dynamic_ev and --multihash.*: they store the same"),
     (["--ev", "--adaptive_emb", "--ev_filter", "counter"
       ], "--ev_filter with --adaptive_emb: that decides by itself "
      "which keys get a row. Set --hot_freq."),
     (["--ev", "--ev_filter", "cbf", "--ev_filter_freq", "300"
       ], "--ev_filter cbf counts to 255. Got: --ev_filter_freq "
      "300. Use --ev_filter counter."),
     (["--ev", "--dynamic_ev", "--ev_elimination", "l2"
       ], "--ev_elimination l2 with --dynamic_ev: it would drop blocks"),
     (["--tf", "--ev"], "--tf with .*--ev, .*: it switches every DeepRec feature off. Drop one"),
     (["--incremental_ckpt", "60", "--tf"
       ], "--tf with .*--incremental_ckpt or .*: it switches every DeepRec feature"),
     (["--micro_batch", "4", "--tf"
       ], "--tf with .*--micro_batch.*: it switches every .* Got: --tf, --micro_batch 4."),
     (["--bf16", "--tf"
       ], "--tf with --bf16.*: it switches every .* Drop one of them. Got: --tf, --bf16."),
     (["--micro_batch", "4", "--batch_size", "3"
       ], "--micro_batch 4 cuts batches of --batch_size 3 into slices without "
      "rows. Give 3 or less."),
     (["--tf", "--workqueue"], "--tf with .*--workqueue: it switches every DeepRec feature off"),
     (["--ev_elimination", "lru"
       ], "argument --ev_elimination: expected None or one of l2, gstep. Got: 'lru'"),
     (["--emb_fusion", "maybe"], "argument --emb_fusion: expected true or false. Got: 'maybe'")])
def test_refusals_name_flag_and_reason(argv: List[str], message: str,
                                       capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        parse(*argv)
    assert end.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_fusions_and_stages_are_on_unless_tf_or_their_flag_says_no() -> None:
    assert parse("--ev_filter", "None").toggles == FUSED
    assert parse("--tf").toggles == Toggles(tf=True)
    assert parse("--op_fusion", "false").toggles == FUSED._replace(op_fusion=False)


@pytest.mark.parametrize("argv, slices", [([], 0), (["0"], 0), (["1"], 0), (["2"], 2),
                                          (["512"], 512)])
def test_one_slice_is_the_whole_batch(argv: List[str], slices: int) -> None:
    args = parse(*["--micro_batch"] * len(argv), *argv)
    assert args.toggles == FUSED._replace(micro_batch=slices)
    assert Training.from_flags(args) == ("adagrad", 0.1, args.toggles, Schedule(), 0.0)
    assert parse("--tf", "--micro_batch", "1").toggles == Toggles(tf=True)


class Every(NamedTuple):
    """What a callback reads of its flag."""

    steps: int = 0


def add_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds a module with the flag --every, as a callback's."""
    def from_flags(args: argparse.Namespace) -> Every:
        if args.every > 9:
            raise ValueError("--every {} is too rare.".format(args.every))
        return Every(args.every)

    module = types.SimpleNamespace(add_flags=lambda parser: parser.group("training").add_argument(
        "--every", type=int, default=0),
                                   from_flags=from_flags)
    monkeypatch.setattr(flags, "MODULES", (*flags.MODULES, module))


def test_a_modules_own_flag_reaches_its_callback(monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture) -> None:
    assert flags.make_run(parse(), MODEL).setting(Every) == Every(0)
    add_module(monkeypatch)
    assert flags.make_run(parse("--every", "7"), MODEL).setting(Every) == Every(7)
    with pytest.raises(SystemExit, match="2"):
        parse("--every", "10")
    assert "error: --every 10 is too rare." in capsys.readouterr().err


def test_defaults_are_the_models() -> None:
    model = MODEL._replace(learning_rate=0.5, optimizer="adam", save_steps=0, epochs=3)
    parser = flags.make_parser("", model)
    args = flags.parse(parser, [])
    assert (args.learning_rate, args.optimizer, args.save_steps) == (0.5, "adam", 0)
    assert flags.make_run(args, model).epochs == 3
    text = " ".join(parser.format_help().split())
    for words in ("(default 0.5)", "(default adam)", "only at the end (default 0)",
                  "whichever ends first (default 3; with --steps, no limit)"):
        assert words in text


def test_version(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="0"):
        parse("--version")
    assert capsys.readouterr().out.split()[-1] == common.__version__


@pytest.mark.parametrize(
    "words, message",
    [(["--early_stop", "3"],
      "--early_stop 3 counts evaluations within training, and there are none. Give --eval_steps"),
     (["--eval_steps", "5", "--no_eval"
       ], "--eval_steps 5 evaluates, which --no_eval forbids. Drop one"),
     (["--eval_rows", "5", "--no_eval"
       ], "--eval_rows 5 says on how many rows to evaluate, which --no_eval forbids. Drop one"),
     (["--eval_rows", "-5"], "--eval_rows: expected a whole number >= 0. Got: '-5'"),
     (["--eval_rows", "some"], "--eval_rows: expected a whole number >= 0. Got: 'some'"),
     (["--eval_steps", "5", "--early_stop_metric", "buy/auc"
       ], "with a task of click, purchase .* Got: 'buy/auc'"),
     (["--early_stop_metric", "click/calibration"
       ], "a metric of auc, gauc, accuracy, log_loss. Got: 'click/cal"),
     (["--early_stop", "-1"], "argument --early_stop: expected a whole number >= 0. Got: '-1'")])
def test_evaluations_that_cannot_be(words: List[str], message: str,
                                    capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as error:
        parse(*words)
    assert error.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_evaluation_within_training_is_read() -> None:
    run = flags.make_run(parse("--eval_steps", "7", "--early_stop", "2"), MODEL)
    assert run.setting(EvalSteps) == EvalSteps(7) and run.setting(EarlyStop) == EarlyStop(2)
    assert run.setting(StopMetric).name == MODEL.tasks[0] + "/auc"


@pytest.mark.parametrize("flag", ["--checkpoint", "--output_dir", "--data_location"])
def test_places_that_no_run_can_use(flag: str, capsys: pytest.CaptureFixture) -> None:
    for place, message in (("s4://b/x", "s4://b/x: rows and runs lie in local folders or at s3:"),
                           ("s3://id:hidden@b", "the address holds a user, a key or an option")):
        with pytest.raises(SystemExit, match="2"):
            parse(flag, place)
        printed = capsys.readouterr().err
        assert message in printed and "hidden" not in printed


@pytest.mark.parametrize("words", [
    ["--data_location", "s3://b/rows"], ["--train_files", "a,gs://b/*.csv"]])
def test_rows_of_an_object_store_can_be_read_with_tf(words: List[str]) -> None:
    assert parse("--tf", *words).toggles.tf


@pytest.mark.parametrize("words", [
    ["--checkpoint", "s3://b/run"], ["--checkpoint", "a", "--output_dir", "s3://b/run"]])
def test_a_cluster_shares_a_folder_that_is_mounted(
        words: List[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert parse(*words)
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"chief": ["a:1"], "ps": ["b:1"]}, '
                       '"task": {"type": "chief", "index": 0}}')
    with pytest.raises(SystemExit, match="2"):
        parse(*words)
    assert "s3://b/run: the processes of a cluster write parts" in capsys.readouterr().err


def test_folders_in_a_store_have_a_local_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/scratch")
    run = flags.make_run(parse("--checkpoint", "s3://b/run", "--output_dir", "out"), MODEL)
    assert run.checkpoint_dir == "/scratch/mirror/s3/b/run" and run.result_dir == "out"
    assert run.shown(run.checkpoint_dir) == "s3://b/run" and run.shown("out") == "out"
    run = flags.make_run(parse("--output_dir", "s3://b/out"), MODEL)
    assert run.result_dir == run.checkpoint_dir
    assert run.shown(run.result_dir).startswith("s3://b/out/model_M_")


@pytest.mark.parametrize("flag", ["--checkpoint", "--output_dir"])
def test_a_file_in_the_place_of_a_folder(flag: str, tmp_path: object,
                                         capsys: pytest.CaptureFixture) -> None:
    path = os.path.join(str(tmp_path), "file")
    open(path, "w").close()
    for place in (path, path + "/run"):
        with pytest.raises(SystemExit, match="2"):
            parse(flag, place)
        message = "{} {}: {} is a file. Give the name of a folder".format(flag, place, path)
        assert message in capsys.readouterr().err
    assert parse(flag, str(tmp_path)) and parse(flag, str(tmp_path) + "/a/b")


@pytest.mark.parametrize("argv, message", [
    (["--checkpoint", "rows/run", "--train_files", "a, rows"],
     "--checkpoint rows/run: --train_files rows reads all files there as rows, so the next start"),
    (["--checkpoint", "run", "--output_dir", "rows", "--eval_files", "rows/*"],
     "--output_dir rows: --eval_files rows/\\* reads all files there"),
    (["--train_files", "."], "--output_dir ./result: --train_files . reads all files there")])
def test_a_run_inside_its_rows(argv: List[str], message: str,
                               capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(*argv)
    assert re.search(message, capsys.readouterr().err)
    assert parse("--checkpoint", "rows/run", "--train_files", "rows/*.parquet")


@pytest.mark.parametrize("name", ["lr=[0.1]", "q\\d", "a*", "b?/run"])
@pytest.mark.parametrize("flag", ["--checkpoint", "--output_dir"])
def test_wildcards_in_a_runs_folder(flag: str, name: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(flag, name)
    said = capsys.readouterr().err
    assert "{} {}: TensorFlow takes".format(flag, name) in said
    assert "for wildcards, and would not find its checkpoints. Give a name without" in said
    assert parse("--checkpoint", "run", "--output_dir", name)
