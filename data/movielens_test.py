import json
import os
from typing import Dict, List

import numpy as np
import pytest

from common.errors import BadInput
from common.metrics import measures
from common.pipeline import source, vocabulary
from data import movielens
from data.din.samples import SEPARATOR, Sample, read_samples
from data.din.script import generate_voc

FILES = ["movielens_genres.txt", "movielens_movies.txt", "movielens_test", "movielens_train",
         "movielens_users.txt"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("published"))
    movielens.make(3000, 1000, 1, folder)
    return folder


def convert(published: str, out: str, *flags: str) -> int:
    return movielens.main(["convert", published, "--out", out, *flags])


def samples(out: str, name: str) -> List[Sample]:
    return [sample for _, sample in read_samples(os.path.join(out, "movielens_" + name))]


def share_of_category(sample: Sample) -> float:
    categories = sample.categories.split(SEPARATOR)
    return categories.count(sample.category) / len(categories)


def content(folder: str) -> Dict[str, bytes]:
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def test_converted_rows_are_read_and_tell_the_taste(published: str, tmp_path: object,
                                                    capsys: pytest.CaptureFixture) -> None:
    out = str(tmp_path)
    assert convert(published, out, "--test_share", "0.3") == 0
    report = json.loads(capsys.readouterr().out)
    train, test = samples(out, "train"), samples(out, "test")
    assert [len(train), len(test)] == [report["movielens_train"], report["movielens_test"]]
    assert len(train) + len(test) == 4000 - 100  # the first rating of each user is no target
    assert not {sample.user for sample in train} & {sample.user for sample in test}
    assert sorted(os.listdir(out)) == FILES
    for sample in train + test:
        assert sample.item not in sample.items.split(SEPARATOR)
    scores = np.array([share_of_category(sample) for sample in test])
    assert measures.auc(np.array([int(sample.label) for sample in test]), scores) > 0.65
    data = source.open_data(out, movielens.SCHEMA, False, 0, True)
    assert not data.bad_rows.count
    assert data.bad_rows.unknown_ids["user"] == len(test)


def test_vocabularies_are_those_of_the_training_rows(published: str, tmp_path: object) -> None:
    out = str(tmp_path)
    assert convert(published, out, "--targets", "3") == 0
    counts = generate_voc.count_names([os.path.join(out, "movielens_train")])
    for name, counted in (("users", "uid_voc"), ("movies", "mid_voc"), ("genres", "cat_voc")):
        expected = generate_voc.in_order(counts[counted], generate_voc.DEFAULTS[counted])
        assert vocabulary.load(os.path.join(out, "movielens_" + name)) == expected


def test_the_same_arguments_give_the_same_bytes(published: str, tmp_path: object) -> None:
    outs = [os.path.join(str(tmp_path), name) for name in "abc"]
    for out, seed in zip(outs, ("1", "1", "2")):
        assert convert(published, out, "--seed", seed) == 0
    assert content(outs[0]) == content(outs[1])
    assert content(outs[0])["movielens_test"] != content(outs[2])["movielens_test"]


def test_a_split_by_time_tests_the_last_days_of_known_users(published: str,
                                                            tmp_path: object) -> None:
    out = str(tmp_path)
    assert convert(published, out, "--split", "time", "--test_share", "0.2", "--targets", "9") == 0
    train, test = samples(out, "train"), samples(out, "test")
    assert 0 < len(test) <= 0.2 * (len(train) + len(test)) + 40
    per_user = [sample.user for sample in train + test]
    assert max(map(per_user.count, set(per_user))) == 9


def test_files_of_a_failed_conversion_are_not_written(published: str, tmp_path: object,
                                                      capsys: pytest.CaptureFixture) -> None:
    out = str(tmp_path)
    with open(os.path.join(out, "movielens_train"), "w") as file:
        file.write("old")
    assert convert(published, out, "--split", "time", "--test_share", "0.0001") == 1
    message = "movielens_test would have 0 rows, 0 of them with label 1. Give more ratings, or"
    assert message in capsys.readouterr().err
    assert content(out) == {"movielens_train": b"old"}
    os.makedirs(os.path.join(out, ".ratings.killed", "bucket000"))
    for name in ("movielens_train.parquet", "movielens_users.pkl", "movielens_planted.json"):
        open(os.path.join(out, name), "w").close()
    assert convert(published, out) == 0
    assert sorted(os.listdir(out)) == FILES


@pytest.mark.parametrize("flags, message", [
    (["--split", "day"], "--split must be one of users, time. Got: 'day'."),
    (["--test_share", "1"], "--test_share must be between 0 and 1. Got: 1.0."),
    (["--min_categories", "-1"], "--min_categories must be from 0 to 1. Got: -1.0."),
    (["--targets", "-1"], "--targets must be >= 0. Got: -1."),
    (["--seed", "-1"], "--seed must be >= 0. Got: -1."),
    (["--targets", "x"], "invalid int value: 'x'"),
])
def test_wrong_use(published: str, tmp_path: object, flags: List[str], message: str,
                   capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        convert(published, str(tmp_path), *flags)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_movies_of_another_archive(published: str, tmp_path: object) -> None:
    folder, out = [os.path.join(str(tmp_path), name) for name in ("raw", "out")]
    os.makedirs(folder)
    files = content(published)
    files["movies.csv"] = b"movieId,title,genres\n9001,x,Drama\n9002,y,Drama\n"
    for name, text in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(text)
    with pytest.raises(BadInput, match="movies.csv: of 400 items, 0 without a category, 400 not in "
                       "the list of items; expected a category of 50% of them"):
        movielens.convert(folder, None, 0.3, 0, 0.5, 1, out)
    assert os.listdir(out) == []
    assert movielens.convert(folder, None, 0.3, 0, 0, 1, out)["movies not in the list"] == 400
