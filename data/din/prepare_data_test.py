import ast
import collections
import gzip
import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from typing import Dict, List

import pandas as pd
import pytest

from common.errors import BadInput
from common.metrics import measures
from common.pipeline import source, vocabulary
from common.testing import book_reviews
from data import amazon

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SCRIPTS = ["process_data", "local_aggretor", "split_by_user", "generate_voc", "pick2txt"]
FILES = sorted(
    ["reviews-info", "item-info", "local_train_splitByUser", "local_test_splitByUser"] +
    [name + ending for name in ("uid_voc", "mid_voc", "cat_voc") for ending in (".pkl", ".txt")])
OTHERS = [
    "local_train_splitByUser.parquet", "local_test_splitByUser.parquet", "amazon_planted.json"
]
COLUMNS = ["label", "user", "item", "category", "items", "categories"]
NUM_USERS = 1500


def prepare(*argv: str, python: str = sys.executable) -> subprocess.CompletedProcess:
    return subprocess.run([os.path.join(HERE, "prepare_data.sh")] + list(argv),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                          env=dict(os.environ, PYTHON=python))


def digests(folder: str) -> Dict[str, str]:
    """The SHA-256 of each file; folders are passed over."""
    return {name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
            for name in sorted(os.listdir(folder)) if os.path.isfile(os.path.join(folder, name))}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("raw"))
    book_reviews.write_raw_files(folder, NUM_USERS, 300, 4)
    return folder


@pytest.fixture(scope="module")
def made(raw: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = os.path.join(str(tmp_path_factory.mktemp("made")), "new", "folder")
    result = prepare(raw, folder)
    assert result.returncode == 0, result.stderr
    assert {line.split("  ")[2]: line.split("  ")[0]
            for line in result.stdout.splitlines()} == digests(folder)
    return folder


def read_samples(folder: str, part: str) -> pd.DataFrame:
    with open(os.path.join(folder, "local_{}_splitByUser".format(part)), encoding="utf-8",
              newline="\n") as file:
        return pd.DataFrame([line.rstrip("\n").split("\t") for line in file], columns=COLUMNS)


@pytest.fixture(scope="module")
def samples(made: str) -> pd.DataFrame:
    return pd.concat([read_samples(made, part) for part in ("train", "test")], ignore_index=True)


@pytest.fixture(scope="module")
def reviews(raw: str) -> pd.DataFrame:
    """The raw reviews with categories, by user and time: the oracle."""
    table = pd.read_json(os.path.join(raw, "reviews_Books.json"), lines=True, dtype={"asin": str},
                         convert_dates=False)
    with open(os.path.join(raw, "meta_Books.json"), encoding="utf-8") as file:
        meta = [ast.literal_eval(line) for line in file]
    category = {record["asin"]: record["categories"][0][-1] for record in meta}
    table["category"] = table.asin.map(category).fillna("default_cat")
    return table.sort_values("unixReviewTime", kind="mergesort").sort_values("reviewerID",
                                                                             kind="mergesort")


@pytest.mark.slow
def test_positives_are_the_last_reviews(raw: str, reviews: pd.DataFrame, tmp_path: object) -> None:
    out = str(tmp_path)
    assert prepare(raw, out, "--ties", "file").returncode == 0
    samples = pd.concat([read_samples(out, part) for part in ("train", "test")])
    expected = {}
    for user, rows in reviews.groupby("reviewerID"):
        items, categories = list(rows.asin), list(rows.category)
        if len(rows) >= 2:
            expected[user] = (items[-1], categories[-1], "\x02".join(items[:-1]), "\x02".join(
                categories[:-1]))
    assert 0.7 * NUM_USERS < len(expected) < NUM_USERS  # some users have one review
    positive = samples[samples.label == "1"]
    assert dict(zip(positive.user, positive[COLUMNS[2:]].itertuples(index=False,
                                                                    name=None))) == expected
    assert len(positive) == len(expected)


def test_negatives_are_items_the_user_did_not_review(samples: pd.DataFrame,
                                                     reviews: pd.DataFrame) -> None:
    negative, positive = [samples[samples.label == label].reset_index(drop=True) for label in "01"]
    same = ["user", "items", "categories"]
    pd.testing.assert_frame_equal(negative[same], positive[same])
    own = reviews.groupby("reviewerID").asin.agg(set)
    assert not any(item in own[user] for user, item in zip(negative.user, negative.item))
    category = dict(zip(reviews.asin, reviews.category))
    assert (negative.item.map(category) == negative.category).all()
    popular = reviews.asin.value_counts()
    assert popular[negative.item].mean() == pytest.approx((popular ** 2).sum() / popular.sum(),
                                                          rel=0.1)
    assert (samples.label == ["0", "1"] * len(negative)).all()


def test_users_are_divided(made: str) -> None:
    train, test = read_samples(made, "train"), read_samples(made, "test")
    assert not set(train.user) & set(test.user)
    assert len(test) / (len(train) + len(test)) == pytest.approx(0.1, abs=0.03)


def test_vocabularies_are_those_of_the_training_lines(made: str) -> None:
    train = read_samples(made, "train")
    for name, default, columns in (("uid_voc", "default_uid", [
            "user"
    ]), ("mid_voc", "default_mid", ["item", "items"]), ("cat_voc", "default_cat", [
            "category", "categories"
    ])):
        counts = collections.Counter(value for column in columns for joined in train[column]
                                     for value in joined.split("\x02"))
        counts.pop("default_cat", None)
        expected = [default] + sorted(counts, key=lambda value: (-counts[value], value))
        with open(os.path.join(made, name + ".pkl"), "rb") as file:
            assert pickle.load(file) == {value: i for i, value in enumerate(expected)}
        assert vocabulary.load_txt(os.path.join(made, name + ".txt")) == expected


def test_reviews_and_items_are_listed(made: str, reviews: pd.DataFrame) -> None:
    with open(os.path.join(made, "reviews-info")) as file:
        lines = sorted(line.rstrip("\n").split("\t") for line in file)
    assert lines == sorted(
        [user, item, str(float(rating)), str(time)] for user, item, rating, time in zip(
            reviews.reviewerID, reviews.asin, reviews.overall, reviews.unixReviewTime))
    with open(os.path.join(made, "item-info"), encoding="utf-8") as file:
        assert len(dict(line.rstrip("\n").split("\t") for line in file)) == 294


def test_preferences_can_be_learned(samples: pd.DataFrame) -> None:
    score = [(line.categories + "\x02").count(line.category + "\x02")
             for line in samples.itertuples()]
    assert measures.auc((samples.label == "1").to_numpy().astype(int),
                        pd.Series(score).to_numpy().astype(float)) > 0.8


@pytest.mark.slow
def test_same_seed_same_bytes_other_seed_other_bytes(raw: str, made: str, tmp_path: object) -> None:
    out = str(tmp_path)
    assert prepare(raw, out, "--seed", "2021").returncode == 0
    assert digests(out) == digests(made) and sorted(digests(out)) == FILES
    assert prepare("--seed", "5", raw, out).returncode == 0
    changed = {name for name in FILES if digests(out)[name] != digests(made)[name]}
    assert changed >= {
        "local_train_splitByUser", "local_test_splitByUser", "uid_voc.pkl", "mid_voc.txt"
    }
    assert not changed & {"reviews-info", "item-info"}


@pytest.mark.slow
def test_compressed_files(raw: str, made: str, tmp_path: object) -> None:
    folder, out = [os.path.join(str(tmp_path), name) for name in ("raw", "out")]
    os.makedirs(folder)
    for name in ("reviews_Books.json", "meta_Books.json"):
        with open(os.path.join(raw, name), "rb") as file, gzip.open(
                os.path.join(folder, name + ".gz"), "wb") as target:
            shutil.copyfileobj(file, target)
    assert prepare(folder, out).returncode == 0
    assert digests(out) == digests(made)


@pytest.mark.slow
@pytest.mark.parametrize("release, same_items", [("2018", True), ("2023", False)])
def test_later_releases(made: str, tmp_path: object, release: str, same_items: bool) -> None:
    folder, out = [os.path.join(str(tmp_path), name) for name in ("raw", "out")]
    book_reviews.write_raw_files(folder, NUM_USERS, 300, 4, release)
    result = prepare(folder, out)
    assert result.returncode == 0, result.stderr
    assert "items, 0 without a category, 6 not in the list of items" in result.stderr
    different = {name for name in FILES if digests(out)[name] != digests(made)[name]}
    assert different == (set() if same_items else {"reviews-info"})


def test_files_of_two_releases(raw: str, tmp_path: object) -> None:
    for name in ("reviews_Books.json", "Books.jsonl.gz"):
        open(os.path.join(str(tmp_path), name), "w").close()
    result = prepare(str(tmp_path), os.path.join(str(tmp_path), "out"))
    assert result.returncode == 2 and "/reviews_Books.json and " in result.stderr
    assert "/Books.jsonl.gz are of two releases. Leave one of them in the folder." in result.stderr


def make_python(folder: object, script: str, command: str) -> str:
    """An interpreter that does something else in place of one of the scripts."""
    path = os.path.join(str(folder), "python")
    with open(path, "w") as file:
        file.write("#!/bin/sh\ncase $1 in */{}.py) {} ;; esac\nexec {} \"$@\"\n".format(
            script, command, sys.executable))
    os.chmod(path, 0o755)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_killed_run_leaves_nothing(raw: str, made: str, tmp_path: object, script: str) -> None:
    out, reached = os.path.join(str(tmp_path), "out"), os.path.join(str(tmp_path), "reached")
    python = make_python(tmp_path, script, ": >'{}'; exec sleep 60".format(reached))
    run = subprocess.Popen([os.path.join(HERE, "prepare_data.sh"), raw, out],
                           stderr=subprocess.DEVNULL, env=dict(os.environ, PYTHON=python),
                           start_new_session=True)
    deadline = time.monotonic() + 60
    while not os.path.exists(reached) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    left = os.listdir(out)
    assert os.path.exists(reached) and len(left) == 1 and left[0].startswith(".prepare_data.")
    assert prepare(raw, out).returncode == 0
    assert digests(out) == digests(made) and sorted(os.listdir(out)) == FILES


@pytest.mark.slow
def test_a_run_killed_while_files_move_leaves_no_mixture(raw: str, made: str,
                                                         tmp_path: object) -> None:
    out, tools = [os.path.join(str(tmp_path), name) for name in ("out", "tools")]
    os.makedirs(out), os.makedirs(tools)
    for name in FILES + OTHERS:
        with open(os.path.join(out, name), "w") as file:
            file.write("old")
    with open(os.path.join(tools, "mv"), "w") as file:
        file.write("#!/bin/sh\n{} \"$@\"\ncase $2 in */mid_voc.pkl) kill -9 $PPID ;; esac\n".format(
            shutil.which("mv")))
    os.chmod(os.path.join(tools, "mv"), 0o755)
    env = dict(os.environ, PYTHON=sys.executable, PATH=tools + os.pathsep + os.environ["PATH"])
    run = subprocess.run([os.path.join(HERE, "prepare_data.sh"), raw, out], env=env,
                         stderr=subprocess.DEVNULL)
    assert run.returncode == -signal.SIGKILL
    left = digests(out)
    assert "mid_voc.pkl" in left and "local_train_splitByUser" not in left
    assert all(digests(made)[name] == digest for name, digest in left.items())
    assert prepare(raw, out).returncode == 0
    assert digests(out) == digests(made) and sorted(os.listdir(out)) == FILES


@pytest.mark.slow
def test_a_failed_run_keeps_the_old_files(raw: str, tmp_path: object) -> None:
    out = os.path.join(str(tmp_path), "out")
    os.makedirs(out)
    for name in FILES + OTHERS:
        with open(os.path.join(out, name), "w") as file:
            file.write("old")
    before = digests(out)
    result = prepare(raw, out, python=make_python(tmp_path, "pick2txt", "exit 1"))
    assert result.returncode == 1 and not result.stdout
    assert digests(out) == before


@pytest.mark.slow
def test_samples_of_another_origin_go(raw: str, made: str, tmp_path: object) -> None:
    out = str(tmp_path)
    amazon.make(2000, 100, 1, out)
    assert prepare(raw, out).returncode == 0
    assert digests(out) == digests(made)
    data = source.open_data(out, amazon.SCHEMA, True, 0, True)
    assert data.train.path == os.path.join(out,
                                           "local_train_splitByUser") and not data.bad_rows.count
    assert set(data.bad_rows.unknown_ids) <= {"user", "item",
                                              "history_items"}  # of the test samples alone
    with pytest.raises(
            BadInput, match="local_train_splitByUser is there already and holds no synthetic rows"):
        amazon.make(2000, 100, 1, out)
    assert digests(out) == digests(made)


@pytest.mark.slow
def test_bad_records(raw: str, tmp_path: object) -> None:
    folder, out = [os.path.join(str(tmp_path), name) for name in ("raw", "out")]
    shutil.copytree(raw, folder)
    with open(os.path.join(folder, "meta_Books.json"), "a") as file:
        file.write(json.dumps({"asin": "x", "categories": 7}) + "\n")
    result = prepare(folder, out)
    assert result.returncode == 1 and os.listdir(out) == []
    message = "meta_Books.json, line 295: field 'categories': 7 is given, expected a list of paths"
    assert message in result.stderr
    result = prepare(folder, out, "--max_bad_records", "1")
    assert result.returncode == 0 and "1 bad record skipped" in result.stderr
    assert sorted(os.listdir(out)) == FILES


@pytest.mark.parametrize("argv, message", [
    (["{raw}", "{out}"
      ], "error: {raw}/meta_Books.json: no such file, and no meta_Books.json.gz either, nor "
     "meta_Books.jsonl of later releases. Nothing is downloaded; {here}/README.md says where the "
     "set is described."),
    (["{out}", "{out}"], "error: {out}/reviews_Books.json: no such file"),
    (["--seed"], "error: --seed must be a whole number >= 0. Got: ''."),
    (["--seed", "-1"], "error: --seed must be a whole number >= 0. Got: '-1'."),
    (["--max_bad_records", "1.5"
      ], "error: --max_bad_records must be a whole number >= 0. Got: '1.5'."),
    (["--ties", "item"], "error: --ties must be drawn or file. Got: 'item'."),
    (["--min_categories", "2"], "error: --min_categories must be from 0 to 1. Got: '2'."),
    (["--sed", "1"], "error: unknown option --sed. See --help."),
    (["a", "b", "c"], "error: two folders at most. Got: a b c. See --help."),
])
def test_wrong_use(raw: str, tmp_path: object, argv: List[str], message: str) -> None:
    names = {
        "raw": os.path.join(str(tmp_path), "raw"), "out": os.path.join(str(tmp_path), "out"),
        "here": HERE
    }
    os.makedirs(names["raw"])
    shutil.copy(os.path.join(raw, "reviews_Books.json"), names["raw"])
    result = prepare(*[arg.format(**names) for arg in argv])
    assert result.returncode == 2 and message.format(**names) in result.stderr
    assert os.listdir(str(tmp_path)) == ["raw"]


@pytest.mark.slow
def test_help_works_from_any_folder(tmp_path: object) -> None:
    assert prepare("--help").stdout.startswith(
        "usage: prepare_data.sh [--seed N] [--max_bad_records N] [RAW_DIR [OUT")
    for name in SCRIPTS:
        path = os.path.join(HERE, "script", name + ".py")
        result = subprocess.run([sys.executable, path, "--help"], cwd=str(tmp_path),
                                stdout=subprocess.PIPE)
        assert result.returncode == 0 and b"usage: " + name.encode() in result.stdout


def test_scripts_that_read_no_rows_start_without_tensorflow() -> None:
    program = "import sys\n" + "".join("import data.din.script.{}\n".format(name)
                                       for name in SCRIPTS if name != "generate_voc")
    subprocess.run([sys.executable, "-c", program + "assert 'tensorflow' not in sys.modules"],
                   cwd=ROOT, check=True)
