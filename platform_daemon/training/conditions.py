"""Whether a session may run now, and if not, what is missing: a pure function of what is known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from context import ScriptedSource
from insitu.v1.training_pb2 import ConditionReading

DEVICE_CONDITIONS = ("idle", "charging", "unmetered")


@dataclass(frozen=True, slots=True)
class Observation:
    """What a context source says of one device condition; `value` None where it does not know."""

    value: bool | None
    source: str
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class DevicePolicy:
    """What the device's owner decided about conditions that no source knows."""

    assume: frozenset[str] = frozenset()
    """Conditions that count as satisfied while unknown."""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What a session needs besides the device's state."""

    consent: bool
    examples: int
    minimum_examples: int
    input_ready: bool
    input_uri: str
    due_ms: int
    now_ms: int
    package: str
    collection: str
    budget_used_s: float = 0.0
    """Training time of the app in the last 24 hours."""
    budget_s: float = math.inf
    trainer_of: str = ""
    """The session that has the device's trainer now, if it is another."""


def device_readings(
    observations: Mapping[str, Observation], policy: DevicePolicy, requires_unmetered: bool
) -> list[ConditionReading]:
    """Readings of the conditions that decide whether a run starts, and goes on."""
    wanted = [name for name in DEVICE_CONDITIONS if name != "unmetered" or requires_unmetered]
    return [_device_reading(name, observations[name], name in policy.assume) for name in wanted]


def _device_reading(name: str, observation: Observation, assumed: bool) -> ConditionReading:
    reading = ConditionReading(name=name, source=observation.source, since_ms=observation.since_ms)
    match observation.value:
        case None:
            reading.satisfied = assumed
            reading.value = "unknown, assumed by the device's policy" if assumed else "unknown"
            if not assumed:
                reading.remedy = _remedy(
                    name,
                    observation,
                    f'no source on this device tells it: set training.assume = ["{name}"] in insitu.toml,'
                    " or choose a source that does",
                )
        case True:
            reading.satisfied, reading.value = True, "yes"
        case False:
            reading.satisfied, reading.value = False, "no"
            reading.remedy = _remedy(name, observation, _REMEDIES[name])
    return reading


def _remedy(name: str, observation: Observation, otherwise: str) -> str:
    """A script is changed by a command; nothing that is done to the device itself reaches it."""
    return f"run: {_SCRIPTED[name]}" if observation.source == ScriptedSource.name else otherwise


_SCRIPTED = {
    "idle": "insitu context set activity user_idle=yes",
    "charging": "insitu context set power charging=yes",
    "unmetered": "insitu context set network connected=yes metered=no",
}
_REMEDIES = {
    "idle": "leave the device alone for a while",
    "charging": "plug the device in",
    "unmetered": "join an unmetered network",
}


def session_readings(facts: SessionFacts) -> list[ConditionReading]:
    """Readings of the conditions that decide whether a run starts."""
    return [
        ConditionReading(
            name="consent",
            satisfied=facts.consent,
            value="given" if facts.consent else "not given",
            source="the device's user",
            remedy="" if facts.consent else f"run: insitu consent give {facts.package}",
        ),
        ConditionReading(
            name="examples",
            satisfied=facts.examples >= facts.minimum_examples,
            value=f"{facts.examples}, at least {facts.minimum_examples} wanted",
            source=f"collection {facts.collection}",
            remedy="" if facts.examples >= facts.minimum_examples else "the app must add more examples",
        ),
        ConditionReading(
            name="input",
            satisfied=facts.input_ready,
            value=(facts.input_uri or "the plan's base parameters") if facts.input_ready else "not produced yet",
            source="artifacts",
            remedy="" if facts.input_ready else f"the session that produces {facts.input_uri} must run first",
        ),
        ConditionReading(
            name="due",
            satisfied=facts.due_ms <= facts.now_ms,
            value="yes" if facts.due_ms <= facts.now_ms else "not yet",
            source="cadence",
            since_ms=facts.due_ms if facts.due_ms <= facts.now_ms else 0,
            remedy="" if facts.due_ms <= facts.now_ms else "wait for its time, or schedule it more often",
        ),
        ConditionReading(
            name="budget",
            satisfied=facts.budget_used_s < facts.budget_s,
            value=f"{facts.budget_used_s:.0f} s used of {facts.budget_s:.0f} s in 24 hours",
            source="training.app_budget_s",
            remedy="" if facts.budget_used_s < facts.budget_s else "wait, or raise training.app_budget_s",
        ),
        ConditionReading(
            name="trainer",
            satisfied=not facts.trainer_of,
            value=f"busy with {facts.trainer_of}" if facts.trainer_of else "free",
            source="the daemon",
            remedy="wait for its turn: apps take turns" if facts.trainer_of else "",
        ),
    ]


def unmet(readings: Sequence[ConditionReading]) -> list[str]:
    """One sentence for each reading that keeps the session from running."""
    return [f"{r.name}: {r.value}; {r.remedy}" for r in readings if not r.satisfied]
