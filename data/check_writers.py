"""Writes the rows of all data sets as other tools do, reads them back, and says what came out.

    python data/check_writers.py --envs /tmp/writers --rows 5000

makes an environment for each tool below --envs, by the newest Python that is there, and installs
the tool from PyPI; nothing is installed beside this project. The programs are in data/writers.
"""

import argparse
import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Schema  # noqa: E402
from common.errors import BadInput  # noqa: E402
from common.pipeline import features, row_order, source  # noqa: E402
from common.pipeline.blocks import read_blocks  # noqa: E402
from common.pipeline.features import Block  # noqa: E402

_DATA_SETS = ("taobao", "amazon", "eleme")
_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3")
_PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "writers")
_CLOSE = 1e-6  # numbers of 32 bits
_MOST_SECS = 1800


class Writer(NamedTuple):
    """A tool: its name, its program in data/writers, the packages of its environment."""

    name: str
    program: str
    packages: Tuple[str, ...]


WRITERS = (
    Writer("polars 2", "with_polars.py", ("polars==2.1.0",)),
    Writer("polars 1", "with_polars.py", ("polars==1.38.0",)),
    Writer("duckdb", "with_duckdb.py", ("duckdb==2.0.1",)),
    Writer("pyarrow", "with_pyarrow.py", ("pyarrow==26.0.1", "numpy")),
    Writer("pandas", "with_pandas.py", ("pandas==3.1.1", "pyarrow==26.0.1")),
    Writer("fastparquet", "with_fastparquet.py", ("fastparquet==2026.9.0",)),
    Writer("chdb", "with_chdb.py", ("chdb==4.4.0",)),
    Writer("pyspark", "with_pyspark.py", ("pyspark==4.3.0",)),
)


class Result(NamedTuple):
    """What came of one file: right, refused, wrong or not written, and why."""

    writer: str
    file: str
    outcome: str
    reason: str = ""


def read_rows(schema: Schema, folder: str, path: str) -> Block:
    """All rows of a file or folder as training reads them, in its order.

    Raises:
      BadInput: they cannot be read.
    """
    is_text = not path.endswith(".parquet")
    test = os.path.join(folder, schema.test_file)
    data = source.open_data(folder, schema, not is_text, 0, False, path, test)
    stream = row_order.Stream(batch_size=512)
    return features.concat(list(read_blocks(data.train, data, stream)))


def difference(one: Block, other: Block) -> str:
    """The first field in which two blocks of rows differ; empty if there is none."""
    for name in ("labels", "users", "ids"):
        if not np.array_equal(getattr(one, name), getattr(other, name)):
            return name
    if not np.allclose(one.numbers, other.numbers, _CLOSE, _CLOSE):
        return "numbers"
    for position, lists in enumerate(zip(one.lists, other.lists)):
        for first, second in zip(*lists):
            if not np.array_equal(first, second):
                return "list {}".format(position)
    return ""


def check_file(schema: Schema, folder: str, path: str, text: Block) -> Tuple[str, str]:
    """The outcome of a file whose rows should be those of a text, and why."""
    try:
        block = read_rows(schema, folder, path)
    except BadInput as error:
        return "refused", str(error).replace(path, "FILE")
    differs = difference(block, text)
    return ("wrong", "other " + differs) if differs else ("right", "")


def make_rows(folder: str, rows: int) -> Dict[str, Schema]:
    """Writes rows of each data set as text, and what programs need to know of it."""
    schemas = {}
    for name in _DATA_SETS:
        module = importlib.import_module("data." + name)
        made = os.path.join(folder, name)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            arguments = ["--rows", str(rows), "--test_rows", "100", "--seed", "1", "--out", made]
            module.main(["make", *arguments])
        schemas[name] = module.SCHEMA
    return schemas


def describe(schema: Schema, folder: str, target: str) -> None:
    """Tells a program where a data set's text is and which columns it has."""
    columns = [(column.name, column.dtype, column.separator, column.kind == "label")
               for column in schema.columns]
    described = {
        "name": schema.name,
        "path": os.path.join(folder, schema.name, schema.train_file),
        "delimiter": schema.delimiter,
        "columns": columns,
    }
    with open(os.path.join(target, schema.name + ".json"), "w") as file:
        json.dump(described, file)


def make_environment(writer: Writer, envs: str, python: str) -> str:
    """The Python of a writer's environment, made if it is not there.

    Raises:
      subprocess.CalledProcessError: a package cannot be had.
    """
    folder = os.path.join(envs, writer.name.replace(" ", "-"))
    program = os.path.join(folder, "bin", "python")
    done = os.path.join(folder, "packages")
    wanted = " ".join(writer.packages)
    if _content(done) != wanted:
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([program, "-m", "pip", "install", "--quiet", *writer.packages], check=True)
        with open(done, "w") as file:
            file.write(wanted)
    return program


def _content(path: str) -> Optional[str]:
    if not os.path.exists(path):
        return None
    with open(path) as file:
        return file.read()


def run(writer: Writer, python: str, folder: str) -> Iterator[Result]:
    """Runs a writer's program in a folder with descriptions; gives what it could not write."""
    program = os.path.join(_PROGRAMS, writer.program)
    output = subprocess.run(
        [python, program, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=_MOST_SECS)
    lines = output.stdout.decode().splitlines()
    if output.returncode:
        lines.append("not written: all: " + output.stderr.decode().strip().split("\n")[-1])
    for line in lines:
        if line.startswith("not written: "):
            _, file, reason = line.split(": ", 2)
            yield Result(writer.name, file, "not written", reason)


def check_writer(writer: Writer, envs: str, python: str, folder: str,
                 schemas: Dict[str, Schema]) -> Iterator[Result]:
    """Writes all rows with all recipes of a writer, and reads what it wrote."""
    try:
        program = make_environment(writer, envs, python)
    except subprocess.CalledProcessError as error:
        yield Result(writer.name, "all", "not written", str(error))
        return
    target = os.path.join(folder, "written", writer.name.replace(" ", "-"))
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    for schema in schemas.values():
        describe(schema, folder, target)
    unwritten = list(run(writer, program, target))
    yield from unwritten
    failed = {result.file for result in unwritten}
    for schema in schemas.values():
        rows = os.path.join(folder, schema.name)
        text = read_rows(schema, rows, os.path.join(rows, schema.train_file))
        for name in sorted(os.listdir(target)):
            file = name[:-len(".parquet")]
            if name.startswith(schema.name + ".") and name.endswith(".parquet"):
                if file not in failed:
                    outcome = check_file(schema, rows, os.path.join(target, name), text)
                    yield Result(writer.name, file, *outcome)


def table(results: List[Result]) -> str:
    """The results as a table of Markdown, and what was not read right, by reason."""
    outcomes = ("right", "refused", "wrong", "not written")
    lines = ["| writer | packages | " + " | ".join(outcomes) + " |", "|---" * 6 + "|"]
    for writer in WRITERS:
        own = [result.outcome for result in results if result.writer == writer.name]
        if own:
            counts = [str(own.count(outcome)) for outcome in outcomes]
            packages = ", ".join(writer.packages)
            lines.append("| {} | {} | {} |".format(writer.name, packages, " | ".join(counts)))
    lines.append("")
    for result in results:
        if result.outcome != "right":
            lines.append("{} {}: {}: {}".format(*result[:2], result.outcome, result.reason))
    return "\n".join(lines)


def main(argv: Optional[List[str]] = None) -> int:
    """Prints the table; returns 1 where a file was read wrong."""
    found = [name for name in _PYTHONS if shutil.which(name)]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--envs", required=True, help="folder of the writers' environments")
    parser.add_argument("--rows", type=int, default=5000, help="rows of each set (default 5000)")
    parser.add_argument("--python", default=found[0],
                        help="of the environments (default %(default)s)")
    parser.add_argument("--only", default="", help="names of writers, divided by commas")
    args = parser.parse_args(argv)
    names = args.only.split(",") if args.only else [writer.name for writer in WRITERS]
    chosen = [writer for writer in WRITERS if writer.name in names]
    folder = os.path.join(args.envs, "rows")
    os.makedirs(folder, exist_ok=True)
    schemas = make_rows(folder, args.rows)
    results: List[Result] = []
    for writer in chosen:
        results += check_writer(writer, args.envs, args.python, folder, schemas)
    print(table(results))
    return int(any(result.outcome == "wrong" for result in results))


if __name__ == "__main__":
    sys.exit(main())
