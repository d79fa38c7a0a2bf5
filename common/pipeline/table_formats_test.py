import os
import re
from typing import List

import pytest

from common.errors import BadInput
from common.pipeline import named_files
from common.testing.toy import SCHEMA

TABLES = [
    ("_delta_log/00000000000000000000.json", "a Delta table", 'deltalake.DeltaTable("{}").file_u'),
    ("metadata/00001-5f2a.metadata.json", "an Iceberg table", "SELECT file_path FROM TABLE.files"),
    ("metadata/00001-5f2a.gz.metadata.json", "an Iceberg table", "plan_files"),
    (".hoodie/hoodie.properties", "a Hudi table", '.format("hudi").load("{}").inputFiles()'),
    ("schema/schema-0", "a Paimon table", "SELECT file_path FROM `TABLE$files`"),
    ("_spark_metadata/0", "the output of a Spark stream", '"parquet").load("{}").inputFiles()')]


def write(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").close()


def read(name: str) -> List[str]:
    return [file.path for file in named_files.read("--train_files", name, SCHEMA)]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))


@pytest.mark.parametrize("log, table, how", TABLES)
@pytest.mark.parametrize("name, root", [
    ("t", "t"), ("./t/", "./t"), ("t/*.parquet", "t"), ("*", "./t"), ("**/*.parquet", "./t"),
    ("t/ds=1", "ABOVE"), ("t/ds=*/hour=1/*.parquet", "t"), ("t/ds=1/hour=1/", "ABOVE"),
    ("t/ds=1/hour=[1]/b.parquet", "ABOVE"), (os.curdir, "./t"), ("link", "ABOVE")])
def test_tables_are_refused(log: str, table: str, how: str, name: str, root: str) -> None:
    write("t/" + log)
    for path in ("t/a.parquet", "t/ds=1/hour=1/b.parquet"):
        write(path)
    os.symlink("t/ds=1/hour=1", "link")
    if name in ("*", "**/*.parquet", os.curdir):
        os.remove("link")
    with pytest.raises(BadInput) as caught:
        read(name)
    folder = os.path.abspath("t")
    said = str(caught.value).replace(folder, "t").replace("./t", "t")
    name = name.replace("./t", "t")
    start = "{}: t is {}, whose folder also keeps files of rows".format(name, table)
    assert said.startswith(start), said
    assert re.search("one a line.*--train_files @FILE.*" + re.escape(how.format("t")), said), said


def test_a_partition_of_hudi_in_a_copy_of_its_own() -> None:
    write("x/ds=1/.hoodie_partition_metadata")
    write("x/ds=1/a.parquet")
    with pytest.raises(BadInput, match="x: x/ds=1 is a Hudi table"):
        read("x")


@pytest.mark.parametrize("folder", ["base_0000002", "delta_0000001_0000001_0000"])
def test_transactional_tables_of_hive(folder: str) -> None:
    write("t/{}/bucket_00000".format(folder))
    with pytest.raises(BadInput, match="t: t is a transactional Hive table.*INPUT__FILE__NAME"):
        read("t")


def test_files_that_are_named_one_by_one_are_read() -> None:
    write("t/_delta_log/0.json")
    write("t/a.parquet")
    with open("live.txt", "w") as file:
        file.write("t/a.parquet\n")
    assert read("t/a.parquet") == ["t/a.parquet"]
    assert read("@live.txt") == ["t/a.parquet"]


def test_a_table_beside_the_rows() -> None:
    write("x/table/_delta_log/0.json")
    write("x/table/a.parquet")
    write("x/rows/a.parquet")
    assert read("x/rows") == ["x/rows/a.parquet"]
    assert read("x/r*") == ["x/rows/a.parquet"]
    with pytest.raises(BadInput, match="x: x/table is a Delta table"):
        read("x")


@pytest.mark.parametrize("path", ["metadata/notes.csv", "schema/a.csv", "based_0000001/a.csv"])
def test_folders_that_only_look_like_a_table(path: str) -> None:
    write("t/" + path)
    assert read("t") == ["t/" + path]
