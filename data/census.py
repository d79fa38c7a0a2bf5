"""Census-Income (KDD), for MMoE and PLE: its schema, its conversion and synthetic rows.

    python data/census.py convert census-income.test.gz --out data
    python data/census.py convert census-income.data.gz --test_source census-income.test.gz
    python data/census.py make --rows 20000 --seed 1 --out published

Two tasks, those that the paper of MMoE takes first: whether a person's income is above 50,000
dollars, and whether the person was never married.
"""

import os
import sys
from typing import Dict, List, Optional, Tuple

from numpy.random import Generator

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import originals  # noqa: E402
from data.originals import Counts, Source, wrong  # noqa: E402


def _code(name: str, buckets: int = 2000) -> Column:
    return Column(name, "hash", buckets)


def _number(name: str) -> Column:
    return Column(name, "number", default="0")


SCHEMA = Schema(
    name="census",
    columns=(
        _code("age", 10000),
        _code("class_of_worker"),
        _code("industry_code"),
        _code("occupation_code"),
        _code("education"),
        _number("wage_per_hour"),
        _code("enrolled"),
        Column("never_married", "label"),
        _code("industry"),
        _code("occupation"),
        _code("race"),
        _code("hispanic_origin"),
        _code("sex"),
        _code("union_member"),
        _code("unemployment_reason"),
        _code("employment_status"),
        _code("capital_gains", 10000),
        _code("capital_losses", 10000),
        _number("dividends"),
        _code("tax_filer_status"),
        _code("previous_region"),
        _code("previous_state"),
        _code("household_status"),
        _code("household_summary"),
        Column("instance_weight", "unused"),
        _code("migration_msa"),
        _code("migration_region"),
        _code("migration_within_region"),
        _code("same_house"),
        _code("previous_sunbelt"),
        _code("employer_size"),
        _code("parents_present"),
        _code("father_country"),
        _code("mother_country"),
        _code("birth_country"),
        _code("citizenship"),
        _code("own_business"),
        _code("veterans_questionnaire"),
        _code("veterans_benefits"),
        _code("weeks_worked"),
        _code("year"),
        Column("income", "label"),
    ),
    train_file="census_train",
    test_file="census_test",
    user_column="",
    module="data/census.py",
    published=True,
)
VALIDATION_FILE = "census_validation"
_NAMES = [column.name for column in SCHEMA.columns]
_AMOUNTS = ("age", "wage_per_hour", "capital_gains", "capital_losses", "dividends",
            "instance_weight", "employer_size", "weeks_worked")  # published as numbers
_MARITAL, _INCOME = _NAMES.index("never_married"), _NAMES.index("income")
_NEVER = b"Never married"
_STATES = (_NEVER, b"Divorced", b"Married-A F spouse present", b"Married-civilian spouse present",
           b"Married-spouse absent", b"Separated", b"Widowed")
_INCOMES = {b"- 50000.": b"0", b"50000+.": b"1"}


def to_row(path: str, number: int, line: bytes) -> bytes:
    """The row of a published line: labels 0 or 1, a missing value, which is '?' there, empty.

    Raises:
      BadInput: the line is none of the data set.
    """
    fields = [field.strip() for field in originals.split(path, number, line, b",", len(_NAMES))]
    for name in _AMOUNTS:
        value = fields[_NAMES.index(name)]
        if not originals.is_number(value):
            raise wrong(path, number, name, value, "a number")
    if fields[_MARITAL] not in _STATES:
        raise wrong(path, number, "marital status", fields[_MARITAL], "one of " + _listed(_STATES))
    if fields[_INCOME] not in _INCOMES:
        raise wrong(path, number, "income", fields[_INCOME], "one of " + _listed(tuple(_INCOMES)))
    fields[_MARITAL] = b"1" if fields[_MARITAL] == _NEVER else b"0"
    fields[_INCOME] = _INCOMES[fields[_INCOME]]
    return b",".join(b"" if field == b"?" else field for field in fields)


def _listed(values: Tuple[bytes, ...]) -> str:
    return ", ".join(repr(value.decode()) for value in values)


def convert(source: str, test_source: Optional[str], out: str) -> Counts:
    """Writes training and test rows.

    Args:
      source: a published file. Without test_source, each third row of it is a test row.
      test_source: another one, as in the paper of MMoE: all rows of source are training rows, and
        rows of this one are validation and test rows in turns.

    Returns:
      file name -> how many rows it has.

    Raises:
      BadInput: a file cannot be read, or a line is none of the data set.
    """
    train, test = SCHEMA.train_file, SCHEMA.test_file
    if not test_source:
        thirds = Source(source, lambda row: test if row % 3 == 2 else train)
        return originals.convert_lines([thirds], to_row, [train, test], out)
    whole = Source(source, lambda row: train)
    halves = Source(test_source, lambda row: test if row % 2 else VALIDATION_FILE)
    names = [train, VALIDATION_FILE, test]
    return originals.convert_lines([whole, halves], to_row, names, out)


def draw_line(rng: Generator) -> bytes:
    """A random line as published: age decides who never married, age and education the income."""
    age = int(rng.integers(0, 91))
    education = int(rng.integers(0, 6))
    is_single = rng.random() < (0.95 if age < 25 else 0.15)
    is_rich = rng.random() < (0.5 if 30 < age < 65 and education == 5 else 0.04)
    fields: Dict[str, str] = {
        "age": str(age),
        "education": "Degree {}".format(education),
        "never_married": (_NEVER if is_single else _STATES[1]).decode(),
        "instance_weight": "{:.2f}".format(rng.random() * 4000),
        "year": str(rng.integers(94, 96)),
        "income": "50000+." if is_rich else "- 50000.",
    }
    values = []
    for column in SCHEMA.columns:
        drawn = rng.integers(0, 4)
        missing_or_text = "Value {}".format(drawn) if drawn else "?"
        other = str(drawn * 100) if column.name in _AMOUNTS else missing_or_text
        values.append(fields.get(column.name, other))
    return ", ".join(values).encode()


def make(rows: int, test_rows: int, seed: int, out: str) -> Counts:
    """Writes random rows as the two published files have them; returns file name -> its rows.

    Raises:
      BadInput: one of the files is there already.
    """
    sizes = {"census-income.data": rows, "census-income.test": test_rows}
    return originals.make_lines(out, sizes, seed, draw_line)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    sources = {
        "source": "a published file, plain or compressed: each third row becomes a test row",
        "--test_source": "the published test file: its rows become validation and test rows in "
                         "turns, and all of the other file training rows",
    }
    return originals.run(argv, "Census-Income (KDD)", make, convert, sources)


if __name__ == "__main__":
    sys.exit(main())
