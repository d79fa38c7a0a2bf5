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

SCHEMA = Schema(
    name="census",
    columns=(
        Column("age", "hash", 1000),
        Column("class_of_worker", "hash", 1000),
        Column("industry_code", "hash", 1000),
        Column("occupation_code", "hash", 1000),
        Column("education", "hash", 1000),
        Column("wage_per_hour", "number", default="0"),
        Column("enrolled", "hash", 1000),
        Column("never_married", "label"),
        Column("industry", "hash", 1000),
        Column("occupation", "hash", 1000),
        Column("race", "hash", 1000),
        Column("hispanic_origin", "hash", 1000),
        Column("sex", "hash", 1000),
        Column("union_member", "hash", 1000),
        Column("unemployment_reason", "hash", 1000),
        Column("employment_status", "hash", 1000),
        Column("capital_gains", "number", default="0"),
        Column("capital_losses", "number", default="0"),
        Column("dividends", "number", default="0"),
        Column("tax_filer_status", "hash", 1000),
        Column("previous_region", "hash", 1000),
        Column("previous_state", "hash", 1000),
        Column("household_status", "hash", 1000),
        Column("household_summary", "hash", 1000),
        Column("instance_weight", "unused"),
        Column("migration_msa", "hash", 1000),
        Column("migration_region", "hash", 1000),
        Column("migration_within_region", "hash", 1000),
        Column("same_house", "hash", 1000),
        Column("previous_sunbelt", "hash", 1000),
        Column("employer_size", "number", default="0"),
        Column("parents_present", "hash", 1000),
        Column("father_country", "hash", 1000),
        Column("mother_country", "hash", 1000),
        Column("birth_country", "hash", 1000),
        Column("citizenship", "hash", 1000),
        Column("own_business", "hash", 1000),
        Column("veterans_questionnaire", "hash", 1000),
        Column("veterans_benefits", "hash", 1000),
        Column("weeks_worked", "number", default="0"),
        Column("year", "hash", 1000),
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
_NUMBERS = [place for place, column in enumerate(SCHEMA.columns) if column.kind == "number"]
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
    for place in _NUMBERS:
        if not originals.is_number(fields[place]):
            raise wrong(path, number, _NAMES[place], fields[place], "a number")
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
        other = str(drawn * 100) if column.kind == "number" else missing_or_text
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
