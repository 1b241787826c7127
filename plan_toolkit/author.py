"""The one call of an author: from a model to an inference plan and a training plan."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from artifact_manager.findings import Severity
from artifact_manager.lint import lint
from insitu.v1 import plan_pb2
from ml_engines.parameters import dump_parameters, tensor_types
from plan_toolkit.errors import BadArgument, PlanRejected
from plan_toolkit.instructions import AcceptanceGate, ExampleQuery, Feed, element_type
from plan_toolkit.plans import AuthoredPlans, Notice
from plan_toolkit.quiet import quiet

if TYPE_CHECKING:
    from plan_toolkit.drafts import Draft, EngineGraph, EngineName

_VERSION_RANGES = {"litert": ">=2.1,<3", "tensorflow": ">=2.20,<3"}


def author(
    model: Any,
    *,
    name: str,
    version: str,
    feeds: Sequence[Feed],
    label_feed: Feed,
    loss: Any,
    query: ExampleQuery,
    optimizer: Any = "sgd",
    batch_size: int = 32,
    epochs: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    engine: Literal["auto", "litert", "tensorflow"] = "auto",
    outputs: Sequence[str] = (),
    score_output: str = "",
    context: Sequence[str] = (),
    acceptance_gate: AcceptanceGate | None = None,
    start_from: Literal["live", "base"] = "live",
    parent: str = "",
    inference_batch_size: int = 0,
    checkpoint_steps: int = 0,
    deadline_ms: int = 0,
    verify: bool = True,
    sample: Mapping[str, NDArray[np.generic]] | None = None,
) -> AuthoredPlans:
    """Make the plans of one model; its present weights become the base parameters. The model itself stays as it is.

    Args:
        model: a `keras.Model`, or a callable `tf.Module` that takes the feeds in their order (and `training`, if it
            has such a parameter). Several inputs reach a subclassed Keras model as a dict.
        feeds: the model's inputs; with `context` types used by features named "context:TYPE.FEATURE".
        label_feed: the feature that a training example carries besides; int64 scalars for sparse categorical
            cross-entropy and float32 scalars otherwise, unless it says more.
        loss: a name ("sparse_categorical_crossentropy", "binary_crossentropy", "mean_squared_error", ...), a
            `keras.losses.Loss`, or a callable of (label, prediction) that gives one value for each row.
        optimizer: a name or a `keras.optimizers.Optimizer`; it is copied.
        epochs, steps: how long a run lasts; one epoch where both are None.
        engine: "auto" is LiteRT where its built-in operations suffice, otherwise TensorFlow with a notice, for each of
            the two plans by itself.
        outputs: what to call the model's answers, where it does not name them. By default "probabilities" for
            classification ("logits" beside them where the loss takes logits), "predictions" otherwise.
        score_output: the output that ranks candidates; it becomes one value a row.
        acceptance_gate: by default the held-out loss must not get worse, where `query` holds examples out.
        inference_batch_size: rows that `infer` takes at once; 0 for any number.
        verify: run the graphs on `sample` (or random rows) and compare them with the model; see `plan_toolkit.verify`.
        sample: rows by input name, for inputs that cannot be random numbers, e.g. the ids of words.

    One thread authors at a time, others wait.

    Raises:
        BadArgument: an argument does not fit the model or the others; or the model or the loss fails, and why.
        OperationUnsupported: the engine asked for lacks an operation, which the message names.
        GraphsDisagree: the graphs do not compute what the model computes.
        PlanRejected: the linter found fault with a plan.
    """
    _check(batch_size, epochs, steps, feeds, label_feed)
    context = tuple(dict.fromkeys((*context, *_context_of(feeds))))
    schedule = plan_pb2.TrainingInstructions(
        epochs=(epochs or 1) if steps is None else None, steps=steps, seed=seed, checkpoint_steps=checkpoint_steps
    )
    with quiet():
        from plan_toolkit.drafts import make_draft

        draft = make_draft(
            model, feeds, label_feed, loss, optimizer, outputs, score_output, batch_size, inference_batch_size,
            sample or {},
        )  # fmt: skip
        inference = _inference(draft, context, score_output, deadline_ms)
        training = _training(draft, query, context, acceptance_gate, start_from, schedule)
        engines: Sequence[EngineName] = ("litert", "tensorflow") if engine == "auto" else (engine,)
        plans = _graphed(draft, _identity(draft, name, version, parent), inference, training, engines)
        return _examined(plans, draft, compared=verify)


def _examined(plans: AuthoredPlans, draft: "Draft", *, compared: bool) -> AuthoredPlans:
    """With all notices. Linted, and run beside the draft's model where they are to be compared."""
    from plan_toolkit.advice import advise
    from plan_toolkit.verify import verify

    notices = (*advise(draft), *plans.notices, *_lint(plans.inference), *_lint(plans.training))
    if compared:
        verify(plans, draft)
    return replace(plans, notices=tuple(dict.fromkeys(notices)))


def _inference(
    draft: "Draft", context: Sequence[str], score_output: str, deadline_ms: int
) -> plan_pb2.InferenceInstructions:
    return plan_pb2.InferenceInstructions(
        feeds=[feed.to_proto() for feed in draft.model.feeds],
        context=context,
        score_output=score_output,
        batch_size=draft.inference_batch_size,
        deadline_ms=deadline_ms,
    )


def _training(
    draft: "Draft",
    query: ExampleQuery,
    context: Sequence[str],
    gate: AcceptanceGate | None,
    start_from: str,
    schedule: plan_pb2.TrainingInstructions,
) -> plan_pb2.TrainingInstructions:
    """`schedule` says how long a run lasts, in which order, and how often it is saved; the rest is added to it."""
    training = plan_pb2.TrainingInstructions(
        query=query.to_proto(context),
        feeds=[feed.to_proto() for feed in (*draft.model.feeds, draft.label)],
        batch_size=draft.batch_size,
        metrics=_metrics(draft),
        acceptance_gate=_gate(gate, query, draft),
        start_from=plan_pb2.START_FROM_LIVE if start_from == "live" else plan_pb2.START_FROM_BASE,
    )
    training.MergeFrom(schedule)
    return training


def _graphed(
    draft: "Draft",
    shared: plan_pb2.Plan,
    inference: plan_pb2.InferenceInstructions,
    training: plan_pb2.TrainingInstructions,
    engines: "Sequence[EngineName]",
) -> AuthoredPlans:
    """Both plans, each with a graph for the first engine that can, and notices where that is not the first one."""
    inferring, learning = draft.inference_graph(engines), draft.training_graph(engines)
    return AuthoredPlans(
        _plan(shared, inferring, inference=inference),
        _plan(shared, learning, training=training),
        _notices(inferring, learning),
    )


def _check(batch_size: int, epochs: int | None, steps: int | None, feeds: Sequence[Feed], label: Feed) -> None:
    if batch_size < 1:
        raise BadArgument("batch_size", f"is {batch_size}; a step needs at least one row")
    if epochs is not None and steps is not None:
        raise BadArgument("steps", "give either epochs or steps")
    if (epochs or 0) < 0 or (steps or 0) < 0:
        raise BadArgument("epochs", "must not be negative")
    if not feeds:
        raise BadArgument("feeds", "a model needs at least one")
    if any(feed.input == label.input for feed in feeds):
        raise BadArgument("label_feed", f"gives the input {label.input!r}, which a feed gives already")


def _identity(draft: "Draft", name: str, version: str, parent: str) -> plan_pb2.Plan:
    """What both plans say alike: name, parameters and their base values."""
    values = draft.model.values()
    specs = [
        plan_pb2.TensorSpec(name=key, dtype=element_type(value.dtype, f"model: the weight {key}"), shape=value.shape)
        for key, value in values.items()
    ]
    return plan_pb2.Plan(
        name=name,
        version=version,
        parent=parent,
        parameters=specs,
        base_parameters=dump_parameters(values, tensor_types(specs)),
    )


def _plan(shared: plan_pb2.Plan, made: "EngineGraph", **instructions: Any) -> plan_pb2.Plan:
    plan = plan_pb2.Plan(
        engine=plan_pb2.EngineRequirement(name=made.engine, version_range=_VERSION_RANGES[made.engine]),
        graph=plan_pb2.Graph(inline=made.graph),
        **instructions,
    )
    plan.MergeFrom(shared)
    return plan


def _context_of(feeds: Sequence[Feed]) -> list[str]:
    """Context types that the feeds read: "power" of "context:power.charging"."""
    prefix = "context:"
    return [feed.feature.removeprefix(prefix).split(".")[0] for feed in feeds if feed.feature.startswith(prefix)]


def _metrics(draft: "Draft") -> list[plan_pb2.Metric]:
    metrics = [plan_pb2.Metric(name="loss", direction=plan_pb2.LOWER_IS_BETTER)]
    if draft.loss.kind.is_classification:
        metrics.append(plan_pb2.Metric(name="accuracy", direction=plan_pb2.HIGHER_IS_BETTER))
    return metrics


def _gate(gate: AcceptanceGate | None, query: ExampleQuery, draft: "Draft") -> plan_pb2.AcceptanceGate | None:
    if gate is None:
        return AcceptanceGate().to_proto() if query.holdout_share > 0 else None
    known = [metric.name for metric in _metrics(draft)]
    if gate.metric not in known:
        raise BadArgument("acceptance_gate", f"names the metric {gate.metric!r}; there are {', '.join(known)}")
    return gate.to_proto()


def _notices(inferring: "EngineGraph", learning: "EngineGraph") -> tuple[Notice, ...]:
    return tuple(
        Notice(
            "tensorflow-instead-of-litert",
            f"the {what} plan uses TensorFlow, which is slower and must be installed on the device: {made.fallback}",
        )
        for what, made in (("inference", inferring), ("training", learning))
        if made.fallback is not None
    )


def _lint(plan: plan_pb2.Plan) -> list[Notice]:
    """Warnings as notices. Raises PlanRejected for errors."""
    findings = lint(plan, least=Severity.WARNING)
    if errors := [str(finding) for finding in findings if finding.severity is Severity.ERROR]:
        raise PlanRejected("\n".join(errors))
    return [Notice("lint", str(finding)) for finding in findings]
