"""Polars with ADBC on both sides, as its users write it."""

import json
import sys

import polars as pl

urls = json.loads(sys.argv[1])
# Decimals come as text in a type of ADBC's own that Polars cannot cast: users give up on exactness.
lines = pl.read_database_uri(
    "select l_orderkey, l_partkey, l_suppkey, l_linenumber, l_quantity::float8, "
    "l_extendedprice::float8, l_discount::float8, l_returnflag, l_shipdate, l_shipmode, l_comment "
    "from lineitem",
    urls["source"],
    engine="adbc",
)
rows = lines.filter(pl.col("l_discount") > 0).select(
    order_key="l_orderkey",
    part_key="l_partkey",
    supplier_key="l_suppkey",
    line_number="l_linenumber",
    quantity="l_quantity",
    extended_price="l_extendedprice",
    discount="l_discount",
    ship_date="l_shipdate",
    comment="l_comment",
    revenue=pl.col("l_extendedprice") * (1 - pl.col("l_discount")),
    label=pl.col("l_returnflag") + "-" + pl.col("l_shipmode"),
)
# ADBC does not convert: its own table has floating point where ours has decimals.
rows.write_database("lines", urls["target"], engine="adbc", if_table_exists="replace")
