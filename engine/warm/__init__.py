"""The warm process: forks a process per pool and per run from one that has all imported.

``parent``  forks, waits, kills; single-threaded, opens no connection
``pool``    takes the runs of one pool from Prefect and sees each to its end
``run``     what a run's process does before and after the flow
``lines``   JSON lines over a socket between them
``dying``   no process outlives the one that started it
"""
