#!/usr/bin/env bash
# One would guess that read_dictionary is a matter of speed: pyarrow decodes the strings of any
# file that it can read, and makes a dictionary of them. For columns in DELTA_LENGTH_BYTE_ARRAY or
# DELTA_BYTE_ARRAY, which DuckDB and Spark write as Parquet's version 2, pyarrow 26.0.1 raises
# "Not yet implemented". Without the option the same file reads well. A reader that has worked for
# years fails on the day when a job upstream sets a newer format version. Our product asks for
# dictionaries only in row groups whose encodings allow it (common/formats/parquet_reader.py).

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install -q pyarrow==26.0.1

venv/bin/python - <<'PYTHON'
import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table({"brand": ["nike", "puma", "nike"] * 100})
found = {}
for encoding in ("PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"):
    pq.write_table(table, "rows.parquet", use_dictionary=False,
                   column_encoding={"brand": encoding})
    assert pq.read_table("rows.parquet").equals(table)
    try:
        rows = pq.ParquetFile("rows.parquet", read_dictionary=["brand"]).read()
        found[encoding] = str(rows.schema.field("brand").type)
    except OSError as error:
        found[encoding] = str(error)

print("pyarrow", pa.__version__)
for encoding, said in found.items():
    print("{}: reads; with read_dictionary: {}".format(encoding, said))
plain, *deltas = found.values()
assert plain.startswith("dictionary<")
assert all(said.startswith("Not yet implemented") for said in deltas)
PYTHON
