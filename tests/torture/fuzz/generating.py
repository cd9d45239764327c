"""Calls made up from a document: each of its routes by itself, and along its links."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import Any

import hypothesis
from anyio import from_thread
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput

from tests.torture.fuzz.watching import Case, Operation, Watch
from tests.torture.fuzz.world import Trial, World

STEPS = 40
"""In a row, along links."""

# What is wrong is written down, and all of it is told in the end: the server has gone on meanwhile,
# so that nothing could be shrunk.
ONCE = settings(
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    stateful_step_count=STEPS,
    print_blob=False,
)

Strategies = dict[tuple[str, GenerationMode], SearchStrategy[Case]]


EACH = {GenerationMode.POSITIVE: 6, GenerationMode.NEGATIVE: 2}
"""How often a route is called at once: with what the document has, and with what it has not."""


def alone(
    world: World, watch: Watch, strategies: Strategies, operations: Sequence[Operation]
) -> None:
    """Call each of these routes some times."""
    for operation in (it.described for it in operations):
        for mode, count in EACH.items():
            name = operation.label, mode
            if name not in strategies:
                strategies[name] = operation.as_strategy(generation_mode=mode)
            # Nothing can be wrong with a call that takes nothing.
            is_negative = mode is GenerationMode.NEGATIVE
            with suppress(Unsatisfiable) if is_negative else nullcontext():
                _some(world, watch, strategies[name], count)


def _some(world: World, watch: Watch, cases: SearchStrategy[Case], count: int) -> None:
    @hypothesis.seed(world.chance.getrandbits(64))
    @settings(ONCE, max_examples=count)
    @given(cases)
    def call(case: Case) -> None:
        if (sent := from_thread.run(world.attempt, Trial(case))) is not None:
            watch.count(case.operation.label, sent.answer)

    call()


def linked(world: World, watch: Watch, machine: Any, *, sequences: int) -> None:
    """Follow the links of the document, in so many sequences of calls."""

    class Following(machine):  # type: ignore[misc]
        """Whoever makes a call, makes those that follow from it."""

        def __init__(self) -> None:
            super().__init__()
            self._callers: dict[str, str | None] = {}

        def step(self, input: StepInput) -> StepOutput | None:  # noqa: A002
            sent = from_thread.run(world.attempt, self._trial(input))
            if sent is None:
                return None
            watch.count(input.case.operation.label, sent.answer)
            if input.transition is not None and input.is_applied:
                watch.links[input.transition.id] += 1
            self._callers[input.case.id] = sent.caller
            self.after_call(sent.answer, input.case)
            return StepOutput(sent.answer, input.case)

        def _trial(self, step: StepInput) -> Trial:
            keep = {(str(where.value), name) for where, name in step.applied_parameters}
            if step.transition is None:
                return Trial(step.case, keep)
            return Trial(step.case, keep, self._callers.get(step.transition.parent_id))

    seeded = hypothesis.seed(world.chance.getrandbits(64))(Following)
    seeded.run(settings=settings(ONCE, max_examples=sequences))
