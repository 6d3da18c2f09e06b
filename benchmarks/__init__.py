"""Measurements of FlowAdmin: ``python -m benchmarks NAME [--json]``.

One module = one benchmark with a function ``measure`` that yields results. Each makes its
own data, says in its docstring what it measures against, and cleans up.
"""
