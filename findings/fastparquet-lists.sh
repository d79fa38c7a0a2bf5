#!/usr/bin/env bash
# One would guess that a column of lists, written to Parquet by pandas, is a column of lists for
# whoever reads it. With the engine fastparquet 2026.9.0 each list becomes one JSON text: pyarrow
# 26.0.1 gives text, Polars 2.1.0 bytes. fastparquet itself reads lists of others and unpacks its
# own, so a round trip on one machine shows nothing. A history of items arrives as one item that
# no other row has: a model trains without an error, and learns nothing of it. Our product takes
# such a column for what it is and decodes the JSON (common/formats/json_lists.py).

set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install -q fastparquet==2026.9.0 pandas==3.0.0 pyarrow==26.0.1 polars==2.1.0

venv/bin/python - <<'PYTHON'
import fastparquet
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq

rows = pd.DataFrame({"history": [["b1", "b2"], ["b3"]]})
rows.to_parquet("rows.parquet", engine="fastparquet")
back = pd.read_parquet("rows.parquet", engine="fastparquet")
by_pyarrow = pq.read_table("rows.parquet").column("history")
by_polars = polars.read_parquet("rows.parquet")["history"]
pq.write_table(pa.Table.from_pandas(rows), "lists.parquet")
of_others = fastparquet.ParquetFile("lists.parquet").to_pandas()

print("fastparquet {}, pandas {}, pyarrow {}, polars {}".format(
    fastparquet.__version__, pd.__version__, pa.__version__, polars.__version__))
print("written:", rows.history.tolist())
print("by fastparquet:", back.history.tolist())
print("by pyarrow:", by_pyarrow.type, by_pyarrow.to_pylist())
print("by Polars:", by_polars.dtype, by_polars.to_list())
print("pyarrow's file by fastparquet:", [list(items) for items in of_others.history])
assert back.history.tolist() == rows.history.tolist()
assert [list(items) for items in of_others.history] == rows.history.tolist()
assert by_pyarrow.to_pylist() == ['["b1","b2"]', '["b3"]']
PYTHON
