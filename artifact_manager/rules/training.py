"""Instructions for training and evaluation."""

import math
from collections.abc import Iterator

from artifact_manager.findings import Finding, Site, shown
from artifact_manager.rules.feeds import check_feeds, is_plain_name
from artifact_manager.rules.registry import rule
from insitu.v1.plan_pb2 import (
    HIGHER_IS_BETTER,
    LOWER_IS_BETTER,
    START_FROM_BASE,
    START_FROM_LIVE,
    AcceptanceGate,
    EvaluationInstructions,
    FederatedUpdate,
    Metric,
    Signatures,
    TrainingInstructions,
)

MAX_BATCH = 1 << 16
MAX_EPOCHS = 10_000
MAX_STEPS = 10_000_000
MAX_METRICS = 64

Instructions = TrainingInstructions | EvaluationInstructions


def _common(instructions: Instructions, site: Site) -> Iterator[Finding]:
    if not instructions.HasField("query"):
        yield site.error("query", "is missing", "say which collection's examples to use")
    yield from check_feeds(instructions.feeds, site)
    if not 1 <= instructions.batch_size <= MAX_BATCH:
        yield site.error("batch_size", f"{instructions.batch_size} is out of range", f"use 1 to {MAX_BATCH} rows")
    names = [metric.name for metric in instructions.metrics]
    if len(names) > MAX_METRICS:
        yield site.error("metrics", f"are {len(names)}", f"use at most {MAX_METRICS}")
    for index, name in enumerate(names[:MAX_METRICS]):
        if name in names[:index]:
            yield site.at("metrics", index).error("name", f"{shown(name)} occurs twice", "name each metric once")


@rule(TrainingInstructions, "query", "feeds", "batch_size", "metrics", "signatures")
def training(instructions: TrainingInstructions, site: Site) -> Iterator[Finding]:
    yield from _common(instructions, site)


@rule(EvaluationInstructions, "query", "feeds", "batch_size", "metrics", "signatures")
def evaluation(instructions: EvaluationInstructions, site: Site) -> Iterator[Finding]:
    yield from _common(instructions, site)
    if not instructions.metrics:
        yield site.error("metrics", "are missing", "name at least one; an evaluation yields nothing else")


@rule(TrainingInstructions, "epochs", "steps")
def duration(instructions: TrainingInstructions, site: Site) -> Iterator[Finding]:
    match instructions.WhichOneof("duration"):
        case None:
            yield site.error("duration", "is missing", "set epochs or steps")
        case "epochs" if not 1 <= instructions.epochs <= MAX_EPOCHS:
            yield site.error("epochs", f"{instructions.epochs} is out of range", f"use 1 to {MAX_EPOCHS}")
        case "steps" if not 1 <= instructions.steps <= MAX_STEPS:
            yield site.error("steps", f"{instructions.steps} is out of range", f"use 1 to {MAX_STEPS}")


@rule(TrainingInstructions, "seed")
def seed(instructions: TrainingInstructions, site: Site) -> Iterator[Finding]:
    """Any value: every seed is as good as another."""
    yield from ()


@rule(TrainingInstructions, "acceptance_gate")
def gate(instructions: TrainingInstructions, site: Site) -> Iterator[Finding]:
    if not instructions.HasField("acceptance_gate"):
        yield site.warning(
            "acceptance_gate", "is missing, so whatever is trained goes live", "hold examples out and add a gate"
        )
        return
    metric = instructions.acceptance_gate.metric
    if metric not in [known.name for known in instructions.metrics]:
        yield site.at("acceptance_gate").error(
            "metric", f"{shown(metric)} is not among the metrics", "name one of them"
        )
    if instructions.query.holdout_share == 0:
        yield site.at("query").error(
            "holdout_share", "is 0 and the acceptance gate has nothing to judge by", "hold out a share, such as 0.2"
        )


@rule(TrainingInstructions, "start_from")
def start_from(instructions: TrainingInstructions, site: Site) -> Iterator[Finding]:
    if instructions.start_from not in (START_FROM_LIVE, START_FROM_BASE):
        yield site.error("start_from", "is missing", "choose START_FROM_LIVE or START_FROM_BASE")


@rule(TrainingInstructions, "update")
def update(instructions: TrainingInstructions, site: Site) -> Iterator[Finding]:
    """Refused rather than ignored: a plan that limits what leaves the device must not run where nothing limits it."""
    if instructions.HasField("update"):
        yield site.error("update", "is set and this release trains on the device alone", "leave update out")


@rule(TrainingInstructions, "checkpoint_steps")
def checkpoint_steps(instructions: TrainingInstructions, site: Site) -> Iterator[Finding]:
    if instructions.checkpoint_steps < 0:
        yield site.error("checkpoint_steps", "is negative", "use 0 for the daemon's default, or a number of steps")


@rule(
    Signatures,
    "train",
    "infer",
    "evaluate",
    "get_parameters",
    "set_parameters",
    "get_optimizer_state",
    "set_optimizer_state",
)
def signatures(names: Signatures, site: Site) -> Iterator[Finding]:
    fields = [field.name for field in names.DESCRIPTOR.fields]
    for field in fields:
        name = getattr(names, field)
        if name and not is_plain_name(name):
            yield site.error(field, f"{shown(name)} is no name", "name a signature, or leave it empty")
    effective = [getattr(names, field) or field for field in fields]
    for index, field in enumerate(fields):
        if effective[index] in effective[:index]:
            yield site.error(
                field, f"{shown(effective[index])} does another job too", "give each job a signature of its own"
            )


@rule(Metric, "name", "direction")
def metric(metric: Metric, site: Site) -> Iterator[Finding]:
    if not is_plain_name(metric.name):
        yield site.error("name", f"{shown(metric.name)} is no name", "name an output of the evaluate signature")
    if metric.direction not in (HIGHER_IS_BETTER, LOWER_IS_BETTER):
        yield site.error("direction", "is missing", "choose HIGHER_IS_BETTER or LOWER_IS_BETTER")


@rule(AcceptanceGate, "metric", "minimum_improvement", "minimum_holdout_examples")
def acceptance(gate: AcceptanceGate, site: Site) -> Iterator[Finding]:
    """Whether the metric exists is examined with the instructions."""
    if not math.isfinite(gate.minimum_improvement):
        yield site.error("minimum_improvement", "is no finite number", "use 0 to accept equality")
    if gate.minimum_holdout_examples < 1:
        yield site.error(
            "minimum_holdout_examples", f"{gate.minimum_holdout_examples} judges by nothing", "use at least 1"
        )


@rule(FederatedUpdate, "clipping_norm", "quantisation_bits", "secure_aggregation", "noise_multiplier")
def federated_update(update: FederatedUpdate, site: Site) -> Iterator[Finding]:
    if not (math.isfinite(update.clipping_norm) and update.clipping_norm > 0):
        yield site.error("clipping_norm", "is no positive number", "clip the update, for instance to a norm of 1")
    if update.quantisation_bits != 0 and not 2 <= update.quantisation_bits <= 32:
        yield site.error(
            "quantisation_bits", f"{update.quantisation_bits} is out of range", "use 2 to 32, or 0 for none"
        )
    if update.secure_aggregation and update.quantisation_bits == 0:
        yield site.error("quantisation_bits", "is 0 and secure aggregation adds whole numbers", "use 2 to 32")
    if not (math.isfinite(update.noise_multiplier) and update.noise_multiplier >= 0):
        yield site.error("noise_multiplier", "is no finite number from 0 on", "use 0 for no noise")
