"""Plans of the fault tests: one that learns and predicts, and graphs that do to their process what graphs can do."""

import os
import tempfile
from pathlib import Path
from typing import Any

from insitu.v1 import plan_pb2
from tests.children.plans import X, inference_plan, training_plan
from tests.daemon.plans import made_once
from tests.engines.graphs import CLASSES, FEATURES

CHECKPOINT_STEPS = 2000
COLLECTION = "points"
DEADLINE_MS = 700

CALM, CRASHES, HANGS, EATS = "infer", "crash", "hang", "eat"
"""Signatures of the hostile graph: what it does once it sees a positive x. At zeros, to be warmed up, all are calm."""


class FaultPlans:
    """What `made_once` makes. Files are NAME.plan."""

    def save(self, folder: Path) -> None:
        plans = {"softmax": inference_plan("litert"), "train": learner(4000)}
        graph = hostile_flatbuffer()
        plans |= {name: hostile(name, graph) for name in (CALM, CRASHES, HANGS, EATS)}
        for name, plan in plans.items():
            (folder / f"{name}.plan").write_bytes(plan.SerializeToString())


def fault_plans(folder: Path) -> Path:
    """The folder with all plans, made once by however many processes share `folder`."""
    return made_once(folder, "faults", FaultPlans)  # type: ignore[arg-type]


def learner(epochs: int) -> plan_pb2.Plan:
    """Starts at its base each time, so that every run on the same examples ends at the same parameters."""
    plan = training_plan("litert", epochs=epochs, checkpoint_steps=CHECKPOINT_STEPS)
    plan.training.start_from = plan_pb2.START_FROM_BASE
    plan.training.acceptance_gate.minimum_holdout_examples = 1
    plan.training.query.MergeFrom(
        plan_pb2.ExampleQuery(
            collection=COLLECTION, minimum_examples=16, holdout_share=0.2, order=plan_pb2.OLDEST_FIRST
        )
    )
    return plan


def hostile(signature: str, graph: bytes) -> plan_pb2.Plan:
    return plan_pb2.Plan(
        name=f"test/{signature}",
        version="1.0.0",
        engine=plan_pb2.EngineRequirement(name="litert"),
        graph=plan_pb2.Graph(inline=graph),
        inference=plan_pb2.InferenceInstructions(feeds=[X], signature=signature, deadline_ms=DEADLINE_MS),
    )


def hostile_flatbuffer() -> bytes:
    """A LiteRT graph of four signatures, each from "x" float32[batch, 4] to "score" float32[batch]."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    rows = [tf.TensorSpec((None, FEATURES), tf.float32, name="x")]

    class Hostile(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=rows)
        def infer(self, x: Any) -> Any:
            return {"score": tf.reduce_sum(x, 1)}

        @tf.function(input_signature=rows)
        def crash(self, x: Any) -> Any:
            # The lowest integer modulo -1: the processor raises SIGFPE, and LiteRT does not look before.
            dividend = tf.cast(tf.sign(x), tf.int32) * tf.constant(-(2**31))
            divisor = tf.cast(x * 0.0 - 1.0, tf.int32)
            return {"score": tf.cast(tf.reduce_sum(tf.raw_ops.FloorMod(x=dividend, y=divisor), 1), tf.float32)}

        @tf.function(input_signature=rows)
        def hang(self, x: Any) -> Any:
            # As many turns as x says; above 2^24 one less is the same, and there is no end.
            (end,) = tf.while_loop(lambda left: left > 0.0, lambda left: (left - 1.0,), (tf.reduce_max(x),))
            return {"score": x[:, 0] + end}

        @tf.function(input_signature=rows)
        def eat(self, x: Any) -> Any:
            gibibytes = tf.cast(tf.sign(x[0, 0]) * 64.0, tf.int32)
            return {"score": x[:, 0] + tf.reduce_sum(tf.fill([gibibytes * 256, 1024, 1024], x[0, 0]))}

    module = Hostile()
    functions = {name: getattr(module, name).get_concrete_function() for name in (CALM, CRASHES, HANGS, EATS)}
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=functions)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(functions)).convert())


def points(count: int) -> list[dict[str, Any]]:
    """Examples whose label is the largest of the first three features."""
    import numpy as np

    rows = np.random.default_rng(5).normal(size=(count, FEATURES))
    return [{"x": row.tolist(), "label": int(row[:CLASSES].argmax())} for row in rows]
