"""Is this a plan that may run? Applies the rules to a whole plan, and parses foreign bytes into one.

A plan is another's input: sizes are bounded before parsing, depth while walking, and a field that this release does not
know is refused, for it may be an instruction.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from artifact_manager.errors import PlanRejected
from artifact_manager.findings import Finding, Severity, Site
from artifact_manager.predicates import MAX_DEPTH
from artifact_manager.rules import checks
from artifact_manager.wire import instruction_bytes
from insitu.v1.plan_pb2 import EvaluationInstructions, InferenceInstructions, Plan, TrainingInstructions

MAX_PLAN_BYTES = 256 << 20
MAX_INSTRUCTION_BYTES = 1 << 20
"""All of a plan but its graph and its base parameters: small messages take many times their size in memory."""
MAX_FINDINGS = 100
MAX_PARTS = 10_000
"""Messages within a plan: all tensors, feeds and conditions together."""

_MAX_LEVELS = 8 + 2 * MAX_DEPTH
"""A plan nests this deep: a predicate's level is two messages."""


def lint(
    plan: Plan,
    *,
    least: Severity = Severity.ERROR,
    context_features: Mapping[str, frozenset[str]] | None = None,
) -> list[Finding]:
    """All that is wrong with a plan, in the order of its fields; at most MAX_FINDINGS.

    Warnings are among it where `least` says so. `context_features` are the features by context type that the device
    knows; names are compared with them where given.
    """
    found = (finding for finding in _Walk().visit(plan, Site(plan, "", context_features)) if finding.severity >= least)
    return list(islice(found, MAX_FINDINGS))


def parse_plan(data: bytes, *, max_bytes: int = MAX_PLAN_BYTES) -> Plan:
    """A plan that keeps every rule. Raises PlanRejected with all findings."""
    if len(data) > max_bytes:
        raise PlanRejected([Finding("plan", f"has {len(data)} bytes", f"keep it within {max_bytes}")])
    try:
        small = instruction_bytes(data)
        if small > MAX_INSTRUCTION_BYTES:
            remedy = f"keep all but graph and base parameters within {MAX_INSTRUCTION_BYTES}"
            raise PlanRejected([Finding("plan", f"has {small} bytes of instructions", remedy)])
        plan = Plan.FromString(data)
    except (DecodeError, ValueError) as error:
        raise PlanRejected([Finding("plan", "is no insitu.v1.Plan", "write it by plan_toolkit")]) from error
    if findings := lint(plan):
        raise PlanRejected(findings)
    return plan


def context_types_used(plan: Plan) -> frozenset[str]:
    """Names of the context types that a plan declares to read."""
    match plan.WhichOneof("instructions"):
        case "inference":
            return frozenset(plan.inference.context)
        case "training":
            return frozenset(plan.training.query.context)
        case "evaluation":
            return frozenset(plan.evaluation.query.context)
        case _:
            return frozenset()


class _Walk:
    """Visits messages depth first, and no more than a plan can need."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def visit(self, message: Message, site: Site, level: int = 0) -> Iterator[Finding]:
        self._left -= 1
        if level > _MAX_LEVELS or self._left == 0:
            yield site.error("", "is too deep or one part too many", f"keep within {MAX_PARTS} parts")
        if level > _MAX_LEVELS or self._left <= 0:
            return
        unknown = UnknownFieldSet(message)
        if len(unknown):
            number = unknown[0].field_number
            yield site.error(
                "", f"has a field {number} that this release does not know", "update Insitu on this device"
            )
        site = _declaring(message, site)
        for check in checks(message):
            yield from check(message, site)
        for descriptor, value in message.ListFields():
            if descriptor.message_type is None:
                continue
            if isinstance(value, Message):
                if checks(value):
                    yield from self.visit(value, site.at(descriptor.name), level + 1)
                continue
            for index, element in enumerate(value):
                yield from self.visit(element, site.at(descriptor.name, index), level + 1)


def _declaring(message: Message, site: Site) -> Site:
    """Within instructions, the context types that they declare."""
    if isinstance(message, InferenceInstructions):
        declared = frozenset(message.context)
    elif isinstance(message, TrainingInstructions | EvaluationInstructions):
        declared = frozenset(message.query.context)
    else:
        return site
    return Site(site.plan, site.path, site.context_features, declared)
