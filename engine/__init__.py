"""What runs on workers: plans, kinds, connectors and the interpreter.

Imports neither Django nor the apps; only ``flow`` and ``worker`` know Prefect.
"""

import os

# Read by DuckDB's allocator when it is loaded: one arena for all threads, so that what one of
# them has freed is there for the others. An arena of its own would keep it.
os.environ.setdefault("DUCKDB_JE_MALLOC_CONF", "narenas:1")
# Arrow's own allocator takes 1 GB of addresses at once, all of which counts as memory of a run's
# process; with what is left of its limit a stream waited for ever.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
