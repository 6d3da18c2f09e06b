"""dlt as its users write it."""

import json
import sys
from typing import Any

# Its own folder would hide the package of the same name.
sys.path.pop(0)

import dlt
import psycopg2
from dlt.sources.sql_database import sql_table

urls = json.loads(sys.argv[1])
# It loads tables that it has made, with columns of its own in them.
with psycopg2.connect(urls["target"]) as session, session.cursor() as cursor:
    cursor.execute("drop table lines")


def computed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "order_key": row["l_orderkey"],
        "part_key": row["l_partkey"],
        "supplier_key": row["l_suppkey"],
        "line_number": row["l_linenumber"],
        "quantity": row["l_quantity"],
        "extended_price": row["l_extendedprice"],
        "discount": row["l_discount"],
        "ship_date": row["l_shipdate"],
        "comment": row["l_comment"],
        "revenue": row["l_extendedprice"] * (1 - row["l_discount"]),
        "label": f"{row['l_returnflag']}-{row['l_shipmode']}",
    }


driver = urls["source"].replace("postgresql://", "postgresql+psycopg2://")
lines = sql_table(driver, table="lineitem")
lines.add_filter(lambda row: row["l_discount"] > 0).add_map(computed)
pipeline = dlt.pipeline(
    "lines", destination=dlt.destinations.postgres(urls["target"]), dataset_name="public"
)
pipeline.run(lines, table_name="lines", write_disposition="append").raise_on_failed_jobs()
