"""pandas as its users write it."""

import json
import sys

# Its own folder would hide the package of the same name.
sys.path.pop(0)

import pandas as pd
from sqlalchemy import create_engine

urls = json.loads(sys.argv[1])
source, target = (
    create_engine(urls[name].replace("postgresql://", "postgresql+psycopg://"))
    for name in ("source", "target")
)
renamed = {
    "l_orderkey": "order_key",
    "l_partkey": "part_key",
    "l_suppkey": "supplier_key",
    "l_linenumber": "line_number",
    "l_quantity": "quantity",
    "l_extendedprice": "extended_price",
    "l_discount": "discount",
    "l_shipdate": "ship_date",
    "l_comment": "comment",
}
with source.connect() as connection:
    for frame in pd.read_sql("select * from lineitem", connection, chunksize=10_000):
        rows = frame[frame["l_discount"] > 0].copy()
        rows["revenue"] = rows["l_extendedprice"] * (1 - rows["l_discount"])
        rows["label"] = rows["l_returnflag"] + "-" + rows["l_shipmode"]
        rows = rows.rename(columns=renamed)[[*renamed.values(), "revenue", "label"]]
        # PostgreSQL takes 65,535 parameters at once.
        rows.to_sql(
            "lines", target, if_exists="append", index=False, method="multi", chunksize=5_000
        )
