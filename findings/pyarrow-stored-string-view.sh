#!/usr/bin/env bash
# One would guess that an older reader opens every Parquet file whose columns have types that it
# knows. Where DataFusion 55.0.0 reads a file and writes its rows again, text stays Parquet's
# ordinary strings, but beside them it stores an Arrow schema in which they are string views.
# pyarrow 12.0.1, the last one for Python 3.7, trusts that note: it reads the first file and
# refuses the copy with "Unrecognized type: 24", even if only its integers are asked for. The rows
# are all right, and the message names neither the column nor the writer. Our product hides the
# stored schema from pyarrow and reads the columns by Parquet's own
# (common/formats/parquet_footer.py).

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python="${PYTHON:-python3.11}"
"$python" -m venv writer
"$python" -m venv reader
writer/bin/pip install -q datafusion==55.0.0 pyarrow==26.0.1
reader/bin/pip install -q pyarrow==12.0.1 numpy==1.26.4

writer/bin/python - <<'PYTHON'
import glob

import datafusion
import pyarrow as pa
import pyarrow.parquet as pq

pq.write_table(pa.table({"brand": ["nike", "puma"], "clk": [0, 1]}), "rows.parquet")
datafusion.SessionContext().read_parquet("rows.parquet").write_parquet("copy")
path, = glob.glob("copy/*.parquet")
file = pq.ParquetFile(path)
stored = [str(field.type) for field in file.schema_arrow]
columns = [(column.name, column.physical_type, str(column.logical_type))
           for column in (file.schema.column(number) for number in range(2))]

print("datafusion {}, pyarrow {}".format(datafusion.__version__, pa.__version__))
for column in columns:
    print("column of the copy:", *column)
print("types in the stored schema of the copy:", *stored)
assert columns == [("brand", "BYTE_ARRAY", "String"), ("clk", "INT64", "None")]
assert stored == ["string_view", "int64"]
PYTHON

reader/bin/python - <<'PYTHON'
import glob

import pyarrow as pa
import pyarrow.parquet as pq

path, = glob.glob("copy/*.parquet")
rows = pq.read_table("rows.parquet")
errors = []
for names in (None, ["clk"]):
    try:
        pq.read_table(path, columns=names)
        errors.append("reads")
    except pa.ArrowInvalid as error:
        errors.append(str(error))

print("pyarrow", pa.__version__)
print("the first file:", rows.to_pydict())
print("the copy, all columns:", errors[0])
print("the copy, integers alone:", errors[1])
assert errors == ["Unrecognized type: 24"] * 2
PYTHON
