import os
import re
import urllib.parse
from typing import List

import pytest

from common.errors import BadInput
from common.naming import named_files
from common.places import asking
from common.testing.fault_proxy import Fault, Request
from common.testing.object_store import ObjectStore
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


def _deny_all_but(store: ObjectStore, key: str) -> None:
    """Makes a key that may look at nothing but what lies below one folder."""
    def deny(request: Request) -> Fault:
        return Fault() if key in urllib.parse.unquote(request.path) else Fault(403)

    store.proxy.fault = deny


def test_keys_that_may_only_see_the_rows(
        store: ObjectStore, capsys: pytest.CaptureFixture) -> None:
    path = store.put("team/rows/a.parquet", b"")
    _deny_all_but(store, "team/rows")
    assert read(store.address("team/rows")) == [path]
    said = "rows: whether a folder above is a table, as of Delta, cannot be seen.* denies it"
    assert len(re.findall(said, capsys.readouterr().err)) == 1


def test_a_table_that_keys_may_see_among_folders_that_they_may_not(store: ObjectStore) -> None:
    store.put("team/table/_delta_log/0.json", b"")
    store.put("team/table/ds=1/a.parquet", b"")
    _deny_all_but(store, "team/table")
    with pytest.raises(BadInput, match="team/table/ds=1: s3:.*/team/table is a Delta table"):
        read(store.address("team/table/ds=1"))


def test_rows_that_keys_may_not_see(store: ObjectStore) -> None:
    store.put("team/rows/a.parquet", b"")
    store.proxy.fault = lambda request: Fault(403)
    with pytest.raises(BadInput, match="team/rows: to .* it failed: .* denies it"):
        read(store.address("team/rows"))


def test_a_store_that_fails_above_the_rows(
        store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSES_SECS", ())
    store.put("team/rows/a.parquet", b"")
    store.proxy.fault = lambda request: Fault(500 if "_delta_log" in request.path else 0)
    with pytest.raises(BadInput, match="_delta_log: to read it failed: .* failed each time"):
        read(store.address("team/rows"))
