"""Instructions for predictions."""

from collections.abc import Iterator

from artifact_manager.findings import Finding, Site, shown
from artifact_manager.rules.feeds import check_context_list, check_feeds, is_plain_name
from artifact_manager.rules.registry import rule
from insitu.v1.plan_pb2 import InferenceInstructions

MAX_BATCH = 1 << 16
MAX_OUTPUTS = 256
MAX_DEADLINE_MS = 600_000


@rule(InferenceInstructions, "feeds", "context")
def feeds(instructions: InferenceInstructions, site: Site) -> Iterator[Finding]:
    yield from check_feeds(instructions.feeds, site)
    yield from check_context_list(instructions.context, site)


@rule(InferenceInstructions, "signature")
def signature(instructions: InferenceInstructions, site: Site) -> Iterator[Finding]:
    if instructions.signature and not is_plain_name(instructions.signature):
        yield site.error(
            "signature",
            f"{shown(instructions.signature)} is no name",
            'name a signature, or leave it empty for "infer"',
        )


@rule(InferenceInstructions, "outputs", "score_output")
def outputs(instructions: InferenceInstructions, site: Site) -> Iterator[Finding]:
    names = instructions.outputs
    if len(names) > MAX_OUTPUTS:
        yield site.error("outputs", f"are {len(names)}", f"return at most {MAX_OUTPUTS}")
        return
    for index, name in enumerate(names):
        if not is_plain_name(name) or name in names[:index]:
            yield site.error(
                "outputs", f"{shown(name)} is no name, or occurs twice", "name each output of the signature once", index
            )
    score = instructions.score_output
    if score and not is_plain_name(score):
        yield site.error("score_output", f"{shown(score)} is no name", "name an output of the signature")
    elif score and names and score not in names:
        yield site.error("score_output", f"{shown(score)} is not among the outputs", "add it to outputs")


@rule(InferenceInstructions, "batch_size")
def batch_size(instructions: InferenceInstructions, site: Site) -> Iterator[Finding]:
    if not 0 <= instructions.batch_size <= MAX_BATCH:
        yield site.error(
            "batch_size", f"{instructions.batch_size} is out of range", f"use 1 to {MAX_BATCH}, or 0 for any number"
        )


@rule(InferenceInstructions, "deadline_ms")
def deadline(instructions: InferenceInstructions, site: Site) -> Iterator[Finding]:
    if not 0 <= instructions.deadline_ms <= MAX_DEADLINE_MS:
        yield site.error(
            "deadline_ms",
            f"{instructions.deadline_ms} is out of range",
            f"use 1 to {MAX_DEADLINE_MS}, or 0 for the daemon's default",
        )
