"""State machines of the tests, run as fault loops: so many examples from one seed."""

import traceback

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

STEPS = 40


def disagreements(machine: type[RuleBasedStateMachine], count: int, first_seed: int) -> list[str]:
    """The shortest way to each disagreement with the model that so many examples found."""
    seeded = seed(first_seed)(type(machine.__name__, (machine,), {}))
    how = settings(
        max_examples=count,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    try:
        run_state_machine_as_test(seeded, settings=how)  # type: ignore[no-untyped-call]
    except (AssertionError, ExceptionGroup) as error:
        return ["".join(traceback.format_exception(error))]
    return []
