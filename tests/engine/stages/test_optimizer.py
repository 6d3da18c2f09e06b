"""Where a plan is cut into stages."""

from __future__ import annotations

from pipelines import join, source, target, transform

from engine.plan import Step
from engine.registry import kinds
from engine.stages.optimizer import THREADS, Stage, stages, threads_of


def cut(*steps: Step, max_steps: int = 64) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Keys of each stage's steps, and what it reads of earlier ones."""
    found = stages(steps, kinds(), max_steps=max_steps)
    return [(tuple(step.key for step in stage.steps), stage.reads) for stage in found]


def step(key: str, reads: str) -> Step:
    return transform(key, "filter", reads, condition="true")


def test_a_chain_is_one_stage() -> None:
    assert cut(source("a"), step("b", "a"), target("c", "t", "b")) == [(("a", "b", "c"), ())]


def test_both_sides_of_a_join_run_with_it() -> None:
    found = cut(source("a"), source("b"), join("c", "a", "b"), target("d", "t", "c"))
    assert found == [(("a", "b", "c", "d"), ())]


def test_rows_that_are_read_twice_are_kept() -> None:
    found = cut(source("a"), step("b", "a"), target("c", "t", "b"), target("d", "u", "b"))
    assert found == [(("a", "b"), ()), (("c",), ("b",)), (("d",), ("b",))]


def test_a_join_of_a_step_with_itself_keeps_it() -> None:
    found = cut(source("a"), join("b", "a", "a"), target("c", "t", "b"))
    assert found == [(("a",), ()), (("b", "c"), ("a",))]


def test_independent_targets_are_stages_of_their_own() -> None:
    found = cut(source("a"), source("b"), target("c", "t", "a"), target("d", "u", "b"))
    assert found == [(("a", "c"), ()), (("b", "d"), ())]


def test_a_long_chain_is_cut_where_a_stage_is_full() -> None:
    chain = [source("0"), *(step(str(i), str(i - 1)) for i in range(1, 7))]
    assert cut(*chain, target("t", "t", "6"), max_steps=3) == [
        (("0", "1", "2"), ()),
        (("3", "4", "5"), ("2",)),
        (("6", "t"), ("5",)),
    ]


def test_a_full_join_cuts_its_larger_side() -> None:
    left = [source("a"), step("b", "a")]
    found = cut(*left, source("c"), join("d", "b", "c"), target("e", "t", "d"), max_steps=3)
    assert found == [(("a", "b"), ()), (("c", "d", "e"), ("b",))]


def test_every_step_is_in_exactly_one_stage_after_what_it_reads() -> None:
    steps = [source("0"), *(step(str(i), str(i // 2)) for i in range(1, 200))]
    steps += [target(f"t{i}", "t", str(i)) for i in range(100, 200)]
    seen: list[str] = []
    for stage in stages(steps, kinds(), max_steps=5):
        assert set(stage.reads) <= set(seen)
        assert len(stage.steps) <= 5
        seen += [s.key for s in stage.steps]
    assert sorted(seen) == sorted(s.key for s in steps)


def test_a_stage_is_as_patient_as_its_most_patient_step_and_as_quick_as_its_quickest() -> None:
    first = source("a").model_copy(
        update={"retries": 2, "timeout_seconds": 9.0, "retry_delay_seconds": 4.0}
    )
    last = target("b", "t", "a", timeout_seconds=5.0, retry_delay_seconds=30.0)
    stage = Stage("b", (first, last), ())
    assert (stage.retries, stage.timeout_seconds, stage.retry_delay_seconds) == (2, 5.0, 4.0)


def test_rows_that_only_stream_need_one_thread() -> None:
    assert threads_of([source("a"), step("b", "a"), target("c", "t", "b")], kinds()) == 1


def test_rows_that_are_gathered_are_shared_out() -> None:
    assert threads_of([source("a"), source("b"), join("c", "a", "b")], kinds()) == THREADS
