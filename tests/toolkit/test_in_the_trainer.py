"""Authored plans in the daemon's own trainer: real examples in, accepted parameters out, the same bits after a stop."""

import itertools

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from insitu.v1 import example_pb2, trainer_pb2
from ml_engines.feeds import Feeds
from ml_engines.parameters import load_parameters, tensor_types
from ml_engines.registry import EngineRegistry
from plan_toolkit import AcceptanceGate, Feed
from plan_toolkit.verify import loaded
from platform_daemon.children.training_loop import Interruption, Request
from platform_daemon.children.training_run import TrainingRun
from tests.toolkit.authored import authored, stack

HELD_OUT = 300


def stored_digits():
    """Every digit as the app stored it: pixels of 0 to 16, label; the last ones held out."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    for sequence, index in enumerate(order, start=1):
        example = example_pb2.Example()
        example.features.feature["pixels"].float_list.value.extend(images[index])
        example.features.feature["label"].int64_list.value.append(labels[index])
        held_out = sequence > len(images) - HELD_OUT
        yield trainer_pb2.StoredExample(sequence=sequence, example=example.SerializeToString(), held_out=held_out)


def run(plan, checkpoint=None, stop_at_report=None):
    """Reports of one run, which is asked to suspend once it has reported its progress so often."""
    start = trainer_pb2.StartRun(plan=plan.SerializeToString(), checkpoint=checkpoint)
    training, interruption, reports = TrainingRun(start, EngineRegistry()), Interruption(), []
    training.add(trainer_pb2.ExampleChunk(examples=stored_digits()))

    def send(report):
        reports.append(report)
        if report.HasField("progress") and sum(r.HasField("progress") for r in reports) == stop_at_report:
            interruption.ask(Request.SUSPEND)

    # Each look at the clock is a second later, so that every step reports.
    training.execute(send, interruption, itertools.count().__next__)
    training.close()
    return reports


@pytest.fixture(scope="module")
def plans():
    model = stack((64,), keras.layers.Rescaling(1 / 16), keras.layers.Dense(64, activation="relu"), classes=10)
    return authored(
        model,
        engine="litert",
        feeds=[Feed("pixels", "x")],
        optimizer=keras.optimizers.Adam(0.003),
        batch_size=32,
        epochs=5,
        acceptance_gate=AcceptanceGate("accuracy", 0.1, 100),
    )


def test_digits_are_learnt_and_served(plans):
    finished = run(plans.training)[-1].finished
    assert finished.accepted, finished.verdict
    accuracy = {metric.name: metric for metric in finished.metrics}["accuracy"]
    assert accuracy.before < 0.3
    assert accuracy.after > 0.9

    held_out = [stored for stored in stored_digits() if stored.held_out]
    inputs = Feeds(plans.inference.inference.feeds).batch([stored.example for stored in held_out])
    labels = [example_pb2.Example.FromString(s.example).features.feature["label"].int64_list.value[0] for s in held_out]
    with loaded(plans.inference) as model:
        parameters = load_parameters(finished.parameters, tensor_types(plans.inference.parameters))
        model.runner("set_parameters")(parameters)
        answers = model.runner("infer")(inputs)["probabilities"].argmax(axis=1)
    assert np.mean(answers == labels) == pytest.approx(accuracy.after, abs=1e-6)


def test_a_suspended_run_ends_in_the_same_bits(plans):
    whole = run(plans.training)[-1].finished
    stopped = run(plans.training, stop_at_report=3)
    assert stopped[-1].HasField("suspended")
    checkpoint = next(report.checkpoint for report in reversed(stopped) if report.HasField("checkpoint"))
    assert 0 < checkpoint.step < whole.steps
    assert run(plans.training, checkpoint)[-1].finished.parameters == whole.parameters
