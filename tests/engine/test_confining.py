"""What the operating system keeps a run from, in a process as a worker forks it."""

from __future__ import annotations

import os
import resource
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipelines import plan, secrets, transform

from engine.interpreter import run
from engine.plan import Input, Plan, Step
from engine.warm.confining import OPEN_FILES, confine, memory_mb


def in_a_child(work: Callable[[], str], made: Plan | None = None) -> tuple[str, int]:
    """What ``work`` says in a confined child, and the most memory the child had, in MB."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            folder = confine(made.model_dump(mode="json") if made else {})
            answer = work()
            folder.close()
        except BaseException:
            answer = traceback.format_exc()
        os.write(write, answer.encode()[:60_000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    return answer if not status else f"ended by {status}: {answer}", usage.ru_maxrss // 1024


def failure_of(made: Plan) -> str:
    return "; ".join(map(str, run(made, run_id="r", secrets=secrets).failures))


LIST = Step(
    key="list",
    name="list",
    kind="inline_source",
    config={"columns": [{"name": "word", "type": "VARCHAR"}], "rows": [["x"]]},
)


#: Texts that grow over nodes, each of which is within the bounds of expressions.
def grown(times: int) -> list[Step]:
    steps = [LIST]
    for n in range(times):
        columns = [{"name": "word", "expression": "repeat(word, 3000)"}]
        steps.append(transform(f"grow{n}", "expression", steps[-1].key, columns=columns))
    return steps


#: Of a text of 9 MB: 3 GB if nobody keeps a node from it.
HUGE = "repeat(word, 330)"
CONDITION = f"length({HUGE}) > 5"
ATTACKS: dict[str, dict[str, Any]] = {
    "expression": {"columns": [{"name": "n", "expression": f"length({HUGE})"}]},
    "filter": {"condition": CONDITION},
    "branch": {"branches": [{"port": "large", "condition": CONDITION}]},
    "assert": {"assertions": [{"rule": "condition", "condition": CONDITION}]},
}


def attack(kind: str, times: int = 2) -> Plan:
    edge = (Input(port="in", step=f"grow{times - 1}"),)
    step = Step(key="attack", name="attack", kind=kind, config=ATTACKS[kind], inputs=edge)
    return plan([*grown(times), step], memory_limit_mb=128)


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_value_too_large_ends_its_node_and_not_the_machine(kind: str) -> None:
    made = attack(kind)
    answer, peak = in_a_child(lambda: failure_of(made), made)
    assert answer.startswith("E_MEMORY: node 'attack': it needs more memory than the run may use")
    assert peak < 1_200


DOUBLED = ", ".join(
    f"""d{n + 1} AS (SELECT word || word AS word FROM {f"d{n}" if n else '"in"'})"""
    for n in range(12)
)
TEN = "(SELECT 1 AS n" + " UNION ALL SELECT 1" * 9 + ")"


@pytest.mark.parametrize(
    "sql",
    [
        f"WITH {DOUBLED} SELECT length(word) AS n FROM d12",
        f"SELECT string_agg(w.word, ',') AS w FROM \"in\" AS w, {TEN} AS a, {TEN} AS b, {TEN} AS c",
    ],
)
def test_what_sql_gathers_is_bounded(sql: str) -> None:
    made = plan(
        [*grown(2), transform("attack", "sql", "grow1", inputs=["in"], sql=sql)],
        memory_limit_mb=128,
    )
    answer, peak = in_a_child(lambda: failure_of(made), made)
    assert answer.startswith("E_MEMORY: node 'attack'")
    assert peak < 1_200


def test_the_process_that_forked_it_goes_on() -> None:
    made = attack("filter")
    in_a_child(lambda: failure_of(made), made)
    answer, _ = in_a_child(lambda: failure_of(plan(grown(1))) or "ended well")
    assert answer == "ended well"


def test_memory_of_python_is_bounded_too() -> None:
    def hoard() -> str:
        try:
            bytearray(4 * 2**30)
        except MemoryError:
            return "refused"
        return "given"

    assert in_a_child(hoard)[0] == "refused"


def test_freed_memory_goes_back_to_the_system() -> None:
    def resident_mb() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) // 256

    def hold_little_of_much() -> str:
        _ = b"x" * 30_000_000  # freed, it would have glibc keep blocks up to this size
        blocks = [b"x" * size for size in (200_000, 2_000) * 500]
        full = resident_mb()
        del blocks[::2]
        return str(full - resident_mb())

    assert int(in_a_child(hold_little_of_much)[0]) > 80


def test_no_core_is_dumped_and_files_are_bounded() -> None:
    def limits() -> str:
        names = (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)
        return str([resource.getrlimit(name) for name in names])

    assert in_a_child(limits)[0] == f"[(0, 0), ({OPEN_FILES}, {OPEN_FILES})]"


def test_a_file_that_grows_beyond_its_limit_is_an_error_and_no_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.warm.confining.FILE_BYTES", 10_000)

    def write() -> str:
        try:
            Path("large").write_bytes(bytes(20_000))
        except OSError as error:
            return error.strerror or ""
        return "written"

    assert in_a_child(write)[0] == "File too large"


def test_temporary_files_are_made_in_the_runs_own_folder() -> None:
    def place() -> str:
        with tempfile.NamedTemporaryFile() as file:
            return str(Path(file.name).parent == Path.cwd() == Path(os.environ["TMPDIR"]))

    assert in_a_child(place)[0] == "True"


def test_a_larger_pool_gives_more() -> None:
    assert memory_mb({"memory_limit_mb": 4096}) > memory_mb({}) + 4_000


def test_a_full_disk_of_the_worker_fails_the_node_and_not_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.warm.confining.FILE_BYTES", 1_000_000)
    ten = [[str(n)] for n in range(10)]
    rows = {"columns": [{"name": "word", "type": "varchar"}], "rows": ten}
    digits = [Step(key=f"d{i}", name="d", kind="inline_source", config=rows) for i in range(6)]
    names = ", ".join(f'"{step.key}" AS {step.key}x' for step in digits)
    words = " || ".join(f"{step.key}x.word" for step in digits)
    many = Step(
        key="many",
        name="many",
        kind="sql",
        config={
            "inputs": [step.key for step in digits],
            "sql": f"SELECT {words} AS w, concat({', '.join([words] * 20)}) AS wide FROM {names}",
        },
        inputs=tuple(Input(port=step.key, step=step.key) for step in digits),
    )
    order = transform("order", "sort", "many", order_by=[{"column": "wide"}])
    made = plan([*digits, many, order], memory_limit_mb=64)
    answer, _ = in_a_child(lambda: failure_of(made), made)
    assert "File too large" in answer or "could not write" in answer.lower(), answer
    assert in_a_child(lambda: failure_of(plan(grown(1))) or "ended well")[0] == "ended well"
