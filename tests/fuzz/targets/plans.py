"""Plans: parsed, linted, and, where they are one, looked into as the daemon does."""

from pathlib import Path

from artifact_manager import ArtifactError, compile_predicate, context_types_used, parse_plan
from tests.artifacts.plans import evaluation, inference, training
from tests.fuzz.target import FuzzTarget

EXAMPLE = b"\x0a\x0d\x0a\x0b\x0a\x01x\x12\x06\x12\x04\x0a\x02\x00\x00"


def parse(data: bytes) -> None:
    plan = parse_plan(data)
    context_types_used(plan)
    if plan.training.query.HasField("where"):
        compile_predicate(plan.training.query.where)


def target(folder: Path) -> FuzzTarget:
    plans = (inference(), training(), evaluation())
    return FuzzTarget(parse, (ArtifactError,), [one.SerializeToString() for one in plans], (b"litert", b"context:"))
