"""Proves that the graphs of two plans compute what the author's model computes.

The reference is the author's model, with TensorFlow's own gradients and the author's own loss, stepped by
`tf.function`. Losses must agree to LOSS_TOLERANCE, relative; each parameter to MOVEMENT_TOLERANCE of the way that
training moved it; both plus what rounding explains: ten times the distance between the reference and itself, started
from weights that differ by a millionth. (Adam divides by the size of a gradient, so one that is zero but for rounding
moves its parameter at random; no fixed tolerance tells this from a wrong gradient.) A run restored in its middle must
end in the same bits as one that was left alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from insitu.v1 import plan_pb2
from ml_engines.engine import Model as EngineModel
from ml_engines.registry import find_engine
from plan_toolkit.drafts import Draft
from plan_toolkit.errors import GraphsDisagree
from plan_toolkit.instructions import Feed
from plan_toolkit.plans import AuthoredPlans
from plan_toolkit.signatures import single
from plan_toolkit.trials import trial_batch

LOSS_TOLERANCE = 1e-3
MOVEMENT_TOLERANCE = 1e-2
STEPS = 6

Arrays = Mapping[str, NDArray[np.generic]]
Losses = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Run:
    losses: Losses
    weights: Arrays


def verify(plans: AuthoredPlans, draft: Draft, steps: int = STEPS) -> None:
    """Compares both plans with the draft's model on `steps` batches. Raises GraphsDisagree."""
    batches = [trial_batch(draft, draft.batch_size, seed) for seed in range(steps)]
    base = draft.model.values()
    reference = reference_run(draft, batches, base)
    shaken = reference_run(draft, batches, {name: _shaken(value) for name, value in base.items()})
    with loaded(plans.training) as graph:
        produced = produced_run(graph, batches, base)
        _compare_losses(produced.losses, reference.losses, shaken.losses)
        _compare_weights(produced.weights, reference.weights, base, shaken.weights)
        _compare_resumed(graph, batches, base, produced)
        _compare_evaluation(graph, draft, reference.weights)
        _compare_answers(graph, draft, reference.weights, [draft.batch_size], "training")
    rows = [draft.inference_batch_size] if draft.inference_batch_size else [1, draft.batch_size + 1]
    with loaded(plans.inference) as graph:
        _compare_answers(graph, draft, reference.weights, rows, "inference")


@contextmanager
def loaded(plan: plan_pb2.Plan) -> Iterator[EngineModel]:
    """The plan's graph in its engine, as a device would load it."""
    model = find_engine(plan.engine).load(plan.graph.inline)
    try:
        yield model
    finally:
        model.close()


def reference_run(draft: Draft, batches: Sequence[Arrays], start: Arrays) -> Run:
    """Trains the author's model from `start`, then puts it back as it was."""
    model = draft.model
    with _restored(draft):
        optimizer = draft.new_optimizer()
        trainable = [parameter.variable for parameter in model.trainable()]

        def step(label: Any, inputs: Mapping[str, Any]) -> Any:
            with tf.GradientTape() as tape:
                total = draft.loss.total(draft.loss.reference(label, single(model.forward(inputs, True))))
                for penalty in model.penalties():
                    total += tf.cast(penalty, total.dtype)
            slopes = tape.gradient(total, trainable)
            optimizer.apply([tf.convert_to_tensor(slope) if slope is not None else None for slope in slopes])
            return total

        traced = tf.function(step, autograph=False)
        model.assign(start)
        losses = [float(traced(*_split(batch, draft.label))) for batch in batches]
        return Run(np.array(losses), model.values())


def produced_run(graph: EngineModel, batches: Sequence[Arrays], start: Arrays) -> Run:
    """Trains the produced graph from `start`."""
    graph.runner("set_parameters")(start)
    train = graph.runner("train")
    losses = [float(train(batch)["loss"]) for batch in batches]
    return Run(np.array(losses), graph.runner("get_parameters")({}))


@contextmanager
def _restored(draft: Draft) -> Iterator[None]:
    weights, hidden = draft.model.values(), [variable.numpy() for variable in draft.model.hidden_state]
    try:
        yield
    finally:
        draft.model.assign(weights)
        for variable, value in zip(draft.model.hidden_state, hidden, strict=True):
            variable.assign(value)


def _compare_losses(produced: Losses, reference: Losses, shaken: Losses) -> None:
    allowed = LOSS_TOLERANCE * np.abs(reference) + 10 * np.abs(shaken - reference) + 1e-5
    wrong = ~(np.abs(produced - reference) <= allowed)
    if wrong.any():
        step = int(np.argmax(wrong))
        raise GraphsDisagree(
            f"train: the loss of step {step + 1} is {produced[step]:.6g}, the model's is {reference[step]:.6g}; "
            f"they may differ by {allowed[step]:.2g}"
        )


def _compare_weights(produced: Arrays, reference: Arrays, base: Arrays, shaken: Arrays) -> None:
    for name, wanted in reference.items():
        moved = _norm(wanted, base[name])
        rounding = 1e-6 * _norm(wanted, np.zeros_like(wanted)) + 1e-6
        allowed = MOVEMENT_TOLERANCE * moved + 10 * _norm(shaken[name], wanted) + rounding
        distance = _norm(produced[name], wanted)
        if not distance <= allowed:
            raise GraphsDisagree(
                f"train: after {STEPS} steps the parameter {name!r} is {distance:.3g} away from the model's, "
                f"which moved by {moved:.3g}; {allowed:.3g} is allowed"
            )


def _compare_resumed(graph: EngineModel, batches: Sequence[Arrays], base: Arrays, whole: Run) -> None:
    has_state = "get_optimizer_state" in graph.signatures()
    half = len(batches) // 2
    middle = produced_run(graph, batches[:half], base)
    state = graph.runner("get_optimizer_state")({}) if has_state else {}
    graph.runner("train")(batches[-1])
    graph.runner("set_parameters")(middle.weights)
    if has_state:
        graph.runner("set_optimizer_state")(state)
    for batch in batches[half:]:
        graph.runner("train")(batch)
    for name, value in graph.runner("get_parameters")({}).items():
        if not np.array_equal(value, whole.weights[name], equal_nan=True):
            raise GraphsDisagree(
                f"train: a run resumed from saved state ends with another {name!r} than one that ran on"
            )


def _compare_evaluation(graph: EngineModel, draft: Draft, weights: Arrays) -> None:
    batch = trial_batch(draft, draft.batch_size, seed=1000)
    label, inputs = _split(batch, draft.label)

    def rows(label: Any, inputs: Mapping[str, Any]) -> Any:
        return draft.loss.reference(label, single(draft.model.forward(inputs, False)))

    with _restored(draft):
        draft.model.assign(weights)
        # Traced like the graph: Keras finds the logits behind probabilities only in a traced function.
        wanted = tf.function(rows, autograph=False)(label, inputs).numpy()
    graph.runner("set_parameters")(weights)
    produced = graph.runner("evaluate")(batch)["loss"]
    if produced.shape != (draft.batch_size,) or not np.allclose(produced, wanted, rtol=LOSS_TOLERANCE, atol=1e-4):
        raise GraphsDisagree("evaluate: the losses of the rows are not the model's")


def _compare_answers(graph: EngineModel, draft: Draft, weights: Arrays, sizes: Sequence[int], which: str) -> None:
    graph.runner("set_parameters")(weights)
    for rows in sizes:
        _, inputs = _split(trial_batch(draft, rows, seed=2000 + rows), draft.label)
        with _restored(draft):
            draft.model.assign(weights)
            wanted = draft.answers(draft.model.forward(inputs, False))
        produced = graph.runner("infer")({name: tensor.numpy() for name, tensor in inputs.items()})
        for name, tensor in wanted.items():
            if not np.allclose(produced[name], tensor.numpy(), rtol=LOSS_TOLERANCE, atol=1e-4):
                raise GraphsDisagree(
                    f"infer of the {which} plan: the output {name!r} of {rows} rows is not the model's"
                )


def _split(batch: Arrays, label: Feed) -> tuple[Any, dict[str, Any]]:
    tensors = {name: tf.constant(value) for name, value in batch.items()}
    return tensors.pop(label.input), tensors


def _shaken(value: NDArray[np.generic]) -> NDArray[np.generic]:
    if not np.issubdtype(value.dtype, np.floating):
        return value
    return (value.astype(np.float64) * (1 + 1e-6)).astype(value.dtype)


def _norm(left: NDArray[np.generic], right: NDArray[np.generic]) -> float:
    return float(np.linalg.norm((left.astype(np.float64) - right.astype(np.float64)).ravel()))
