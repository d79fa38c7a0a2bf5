import os
import subprocess
import sys
from typing import List

import numpy as np
import pytest

from common.testing import toy
from data import check_writers
from data.check_writers import Result, Writer

PROGRAM = '''
import sys

sys.path.insert(0, {folder!r})
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import recipes


def read(rows):
    return pa.csv.read_csv(
        rows.path,
        read_options=pa.csv.ReadOptions(column_names=rows.names),
        parse_options=pa.csv.ParseOptions(delimiter=rows.delimiter),
        convert_options=pa.csv.ConvertOptions(
            column_types={{name: pa.string() for name in rows.names}}),
    )


def changed(position, column):
    def write(rows, table, path):
        array = pa.array([column] * len(table))
        pq.write_table(table.set_column(position, rows.names[position], array), path)
    return write


def broken(rows, table, path):
    raise ValueError("no such option\\nand more")


recipes.main(read, {{
    "text": lambda rows, table, path: pq.write_table(table, path),
    "zeros": changed(0, "0"),
    "strangers": changed(2, "nobody"),
    "dates": changed(2, 1.5),
    "sizes": changed(5, "7"),
    "tags": changed(6, ["a", "b"]),
    "broken": broken,
}})
'''


def check(folder: object, monkeypatch: pytest.MonkeyPatch, program: str = PROGRAM) -> List[Result]:
    rows = "{}/toy".format(folder)
    os.mkdir(rows)
    toy.write_csv(rows + "/toy_train", toy.random_rows(3, 40))
    toy.write_csv(rows + "/toy_test", toy.random_rows(4, 10))
    path = "{}/with_this.py".format(folder)
    with open(path, "w") as file:
        file.write(program.format(folder=check_writers._PROGRAMS))
    monkeypatch.setattr(check_writers, "make_environment", lambda *_: sys.executable)
    writer = Writer("this", path, ())
    return list(check_writers.check_writer(
        writer, str(folder), "python", str(folder), {"toy": toy.SCHEMA}))


@pytest.mark.slow
def test_what_a_writer_wrote_is_compared(tmp_path: object,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    results = {result.file: result for result in check(tmp_path, monkeypatch)}
    told = {file: (result.outcome, result.reason) for file, result in results.items()}
    refused = told.pop("toy.dates")
    assert told == {
        "toy.text": ("right", ""),
        "toy.zeros": ("wrong", "other labels"),
        "toy.strangers": ("wrong", "other users"),
        "toy.sizes": ("wrong", "other ids"),
        "toy.tags": ("wrong", "other list 0"),
        "toy.broken": ("not written", "no such option"),
    }
    assert refused[0] == "refused"
    assert refused[1].startswith("FILE, column 'user': expected text or integers")


def test_a_program_that_fails_has_written_nothing(tmp_path: object,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    result, = check(tmp_path, monkeypatch, "raise SystemError('out of {folder}')")
    assert result.outcome == "not written" and "SystemError: out of" in result.reason


def test_a_package_that_cannot_be_had_is_told(tmp_path: object,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list, check: bool) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", fail)
    writer = Writer("that", "with_that.py", ("that==1",))
    result, = check_writers.check_writer(writer, str(tmp_path), "python", str(tmp_path), {})
    assert result[:3] == ("that", "all", "not written")
    assert "returned non-zero exit status 1" in result.reason


def test_an_environment_is_made_once(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def run(command: list, check: bool) -> None:
        commands.append(command)
        os.makedirs("{}/that-1".format(tmp_path), exist_ok=True)

    monkeypatch.setattr(subprocess, "run", run)
    writer = Writer("that 1", "with_that.py", ("that==1", "numpy"))
    python = "{}/that-1/bin/python".format(tmp_path)
    for _ in range(2):
        assert check_writers.make_environment(writer, str(tmp_path), "python3.13") == python
    assert commands == [
        ["python3.13", "-m", "venv", "--clear", "{}/that-1".format(tmp_path)],
        [python, "-m", "pip", "install", "--quiet", "that==1", "numpy"],
    ]


def test_numbers_may_differ_by_their_rounding() -> None:
    block = check_writers.Block(*[np.zeros([3, 1]) for _ in range(5)], lists=())
    near = block._replace(numbers=block.numbers + 1e-8)
    far = block._replace(numbers=block.numbers + 1e-3)
    assert check_writers.difference(block, near) == ""
    assert check_writers.difference(block, far) == "numbers"


def test_the_table_counts_outcomes_and_names_the_others() -> None:
    results = [Result("duckdb", "a.text", "right"), Result("duckdb", "a.v2", "right"),
               Result("duckdb", "a.date", "refused", "column 'c': a date")]
    assert check_writers.table(results).splitlines() == [
        "| writer | packages | right | refused | wrong | not written |",
        "|---|---|---|---|---|---|",
        "| duckdb | duckdb==2.0.1 | 2 | 1 | 0 | 0 |",
        "",
        "duckdb a.date: refused: column 'c': a date",
    ]
