import os
from typing import List

import numpy as np
import pytest

from common.errors import BadInput
from data.din.script import split_by_user


def write(folder: object, users: List[str]) -> str:
    path = os.path.join(str(folder), "samples")
    with open(path, "w") as file:
        for user in users:
            file.write("0\t{0}\ti\tc\ta\tC\n1\t{0}\tj\tc\ta\tC\n".format(user))
    return path


def read(path: str) -> List[List[str]]:
    with open(path) as file:
        return [line.rstrip("\n").split("\t") for line in file]


def split(folder: object, users: List[str], seed: int) -> List[List[List[str]]]:
    train, test = [os.path.join(str(folder), name) for name in ("train", "test")]
    counts = split_by_user.split(write(folder, users), train, test, seed)
    assert [len(read(train)), len(read(test))] == list(counts)
    return [read(train), read(test)]


def test_a_tenth_of_the_users_goes_to_test(tmp_path: object) -> None:
    users = ["u{}".format(i) for i in range(5000)]
    train, test = split(tmp_path, users, 1)
    assert len(test) / 10000 == pytest.approx(0.1, abs=0.015)
    assert not {row[1] for row in train} & {row[1] for row in test}
    assert [row[:2] for row in sorted(train + test, key=lambda row: (int(row[1][1:]), row[0]))] == [
        [label, user] for user in users for label in "01"]
    for rows in (train, test):  # the order of the lines stays
        assert [row[0] for row in rows] == ["0", "1"] * (len(rows) // 2)
        assert (np.diff([int(row[1][1:]) for row in rows]) >= 0).all()


def test_the_seed_draws_other_users(tmp_path: object) -> None:
    users = ["u{}".format(i) for i in range(2000)]
    first, again, other = [split(tmp_path, users, seed) for seed in (1, 1, 2)]
    assert first == again
    both = {row[1] for row in first[1]} & {row[1] for row in other[1]}
    assert 2 < len(both) < 60  # 20 where the two draws are independent


def test_a_user_stays_on_one_side_wherever_the_lines_stand(tmp_path: object) -> None:
    users = ["u{}".format(i % 300) for i in range(900)]
    train, test = split(tmp_path, users, 3)
    assert not {row[1] for row in train} & {row[1] for row in test}


def test_one_side_without_users(tmp_path: object) -> None:
    with pytest.raises(
            BadInput,
            match="samples: training would get (2 lines and test 0|0 lines and test 2) "
            "lines. Give more users or another --seed"):
        split(tmp_path, ["u"], 1)
    assert os.listdir(str(tmp_path)) == ["samples"]


def test_main(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    argv = [write(tmp_path, ["u{}".format(i) for i in range(100)])]
    argv += [os.path.join(str(tmp_path), name) for name in ("train", "test")]
    assert split_by_user.main(argv) == 0
    assert [line.split("  ")[2]
            for line in capsys.readouterr().out.splitlines()] == ["train", "test"]
    assert split_by_user.main([argv[0] + "x"] + argv[1:]) == 1
    assert "error: " + argv[0] + "x: no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        split_by_user.main(argv + ["--seed", "-1"])
    assert end.value.code == 2 and "--seed must be >= 0. Got: -1." in capsys.readouterr().err
