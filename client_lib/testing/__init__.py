"""A daemon in memory, for an app's own tests: the app's own code, its real messages, and no process, socket or disk.

def test_words_are_learnt() -> None:
    with testing.Device() as device:
        learning = device.connect("com.example.keyboard")
        my_app.collect(learning)
        assert device.stored("com.example.keyboard", "words")[0].features == {"label": [3]}

It answers as the daemon does: one contract suite runs against both. It protects
nothing, lints no plan and runs no graph.
"""

from client_lib.testing.device import Device, StoredExample
from client_lib.testing.plans import inference_plan, training_plan
from client_lib.testing.prediction import Predict, UnscriptedPlan
from client_lib.testing.runs import Advance, Commit, Fail, KeepOld, NotReady, RunStep, Suspend
from client_lib.testing.state import Limits

__all__ = [
    "Advance",
    "Commit",
    "Device",
    "Fail",
    "KeepOld",
    "Limits",
    "NotReady",
    "Predict",
    "RunStep",
    "StoredExample",
    "Suspend",
    "UnscriptedPlan",
    "inference_plan",
    "training_plan",
]
