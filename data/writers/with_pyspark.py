"""Rows as Spark writes them; each path is a folder, as Spark leaves it."""

from typing import Any, Dict

import recipes
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from recipes import RowSet

SPARK = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()


def read(rows: RowSet) -> DataFrame:
    """All as text, empty ones as nulls."""
    return read_as(rows)


def read_as(rows: RowSet, **options: Any) -> DataFrame:
    """The rows as Spark reads them."""
    table = SPARK.read.csv(rows.path, sep=rows.delimiter, quote="", **options)
    return table.toDF(*rows.names).coalesce(1)


def typed(rows: RowSet, table: DataFrame) -> DataFrame:
    """Labels as integers, numbers as doubles, lists as lists."""
    for name in rows.labels:
        table = table.withColumn(name, F.col(name).cast("int"))
    for name in rows.numbers:
        table = table.withColumn(name, F.col(name).cast("double"))
    for name, separator in rows.lists.items():
        split = F.split(F.col(name), "\\Q{}\\E".format(separator))
        table = table.withColumn(name, F.when(F.col(name).isNull(), F.array()).otherwise(split))
    return table


def with_options(**options: str) -> recipes.Recipe:
    """The typed rows, written with options, in whose names _ stands for a dot."""
    def write(rows: RowSet, table: DataFrame, path: str) -> None:
        writer = typed(rows, table).write.mode("overwrite")
        for name, value in options.items():
            writer = writer.option(name.replace("_", "."), value)
        writer.parquet(path)
    return write


def with_labels(kind: str) -> recipes.Recipe:
    """The typed rows with labels of another type."""
    def write(rows: RowSet, table: DataFrame, path: str) -> None:
        table = typed(rows, table)
        for name in rows.labels:
            table = table.withColumn(name, F.col(name).cast(kind))
        table.write.mode("overwrite").parquet(path)
    return write


def legacy(rows: RowSet, table: DataFrame, path: str) -> None:
    """As versions before 1.4 wrote it."""
    SPARK.conf.set("spark.sql.parquet.writeLegacyFormat", "true")
    typed(rows, table).write.mode("overwrite").parquet(path)
    SPARK.conf.set("spark.sql.parquet.writeLegacyFormat", "false")


RECIPES: Dict[str, recipes.Recipe] = {
    "text": lambda rows, table, path: table.write.mode("overwrite").parquet(path),
    "default": with_options(),
    "inferred": lambda rows, table, path: read_as(
        rows, inferSchema=True).write.mode("overwrite").parquet(path),
    "v2": with_options(parquet_writer_version="v2"),
    "legacy": legacy,
    "variant_beside": lambda rows, table, path: typed(rows, table).withColumn(
        "v", F.parse_json(F.lit("1"))).write.mode("overwrite").parquet(path),
    "bool": with_labels("boolean"),
    "double": with_labels("double"),
    "decimal": with_labels("decimal(38,0)"),
    **{codec: with_options(compression=codec)
       for codec in ("none", "gzip", "zstd", "lz4", "lz4_raw", "brotli")},
}

if __name__ == "__main__":
    recipes.main(read, RECIPES)
