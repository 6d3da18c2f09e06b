"""The parts FlowAdmin brings along: PostgreSQL, Redis and a Prefect server, each the real one."""
