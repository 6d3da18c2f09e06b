"""What runs on workers: plans, kinds, connectors and the interpreter.

Imports neither Django nor the apps; only ``flow`` and ``worker`` know Prefect.
"""
