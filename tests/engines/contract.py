"""What every engine must do. Subclass it, give the fixtures `engine` and `graph`, and pytest runs the suite.

class TestMyEngine(EngineContract):
    @pytest.fixture
    def engine(self): return MyEngine()

    @pytest.fixture
    def graph(self): return bytes of the model that tests.engines.graphs describes
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from packaging.version import Version

from ml_engines.engine import Engine, Model, TensorType
from ml_engines.errors import BadInput, GraphRejected, SignatureMissing
from tests.engines.graphs import BATCH, CLASSES, FEATURES, ReferenceModel

_RANDOM = np.random.default_rng(7)
X: NDArray[np.float32] = _RANDOM.normal(size=(5 * BATCH, FEATURES)).astype(np.float32)
LABEL: NDArray[np.int32] = _RANDOM.integers(0, CLASSES, 5 * BATCH).astype(np.int32)


def _batch(number: int) -> dict[str, NDArray[Any]]:
    rows = slice(number % 5 * BATCH, (number % 5 + 1) * BATCH)
    return {"x": X[rows], "label": LABEL[rows]}


class EngineContract:
    @pytest.fixture
    def engine(self) -> Engine:
        raise NotImplementedError

    @pytest.fixture
    def graph(self) -> bytes:
        raise NotImplementedError

    @pytest.fixture
    def model(self, engine: Engine, graph: bytes) -> Iterator[Model]:
        model = engine.load(graph)
        model.runner("set_parameters")({"w": np.zeros((FEATURES, CLASSES), "f4"), "b": np.zeros(CLASSES, "f4")})
        yield model
        model.close()

    def test_version_is_pep_440(self, engine: Engine) -> None:
        assert Version(engine.version()) > Version("0")

    def test_signatures_tell_names_shapes_and_types(self, model: Model) -> None:
        signatures = model.signatures()
        float32 = np.dtype(np.float32)
        assert signatures["infer"].inputs == {"x": TensorType((-1, FEATURES), float32)}
        assert signatures["infer"].outputs["probabilities"] == TensorType((-1, CLASSES), float32)
        assert signatures["train"].inputs["label"] == TensorType((BATCH,), np.dtype(np.int32))
        assert signatures["get_parameters"].outputs.keys() == {"w", "b"}
        assert not signatures["get_parameters"].inputs

    def test_infers_any_number_of_rows(self, model: Model) -> None:
        w, b = _RANDOM.normal(size=(FEATURES, CLASSES)).astype("f4"), np.arange(CLASSES, dtype="f4")
        model.runner("set_parameters")({"w": w, "b": b})
        reference = ReferenceModel()
        reference.w, reference.b = w.astype(float), b.astype(float)
        infer = model.runner("infer")
        for rows in (1, 7, 40, 1, 2):
            outputs = infer({"x": X[:rows]})
            assert outputs["probabilities"].shape == (rows, CLASSES)
            assert outputs["score"].shape == (rows,)
            np.testing.assert_allclose(outputs["probabilities"], reference.probabilities(X[:rows]), rtol=1e-5)

    def test_trains_as_the_reference_does(self, model: Model) -> None:
        reference, train = ReferenceModel(), model.runner("train")
        for step in range(20):
            batch = _batch(step)
            expected = reference.train(batch["x"], batch["label"])
            assert train(batch)["loss"] == pytest.approx(expected, rel=1e-4)
        parameters = model.runner("get_parameters")({})
        np.testing.assert_allclose(parameters["w"], reference.w, rtol=1e-3, atol=1e-6)

    def test_evaluates_each_row(self, model: Model) -> None:
        batch = _batch(0)
        outputs = model.runner("evaluate")(batch)
        expected = ReferenceModel().losses(batch["x"], batch["label"])
        np.testing.assert_allclose(outputs["loss"], expected, rtol=1e-5)
        assert outputs["accuracy"].shape == (BATCH,)

    def test_parameters_and_optimizer_state_restore_a_run_exactly(
        self, engine: Engine, graph: bytes, model: Model
    ) -> None:
        train = model.runner("train")
        for step in range(3):
            train(_batch(step))
        parameters = model.runner("get_parameters")({})
        state = model.runner("get_optimizer_state")({})
        second = engine.load(graph)
        second.runner("set_parameters")(parameters)
        second.runner("set_optimizer_state")(state)
        for step in range(3, 9):
            train(_batch(step))
            second.runner("train")(_batch(step))
        for name, array in model.runner("get_parameters")({}).items():
            np.testing.assert_array_equal(array, second.runner("get_parameters")({})[name])
        second.close()

    def test_setting_parameters_starts_the_optimizer_anew(self, model: Model) -> None:
        model.runner("train")(_batch(0))
        assert model.runner("get_optimizer_state")({})["mw"].any()
        model.runner("set_parameters")(model.runner("get_parameters")({}))
        assert not model.runner("get_optimizer_state")({})["mw"].any()

    def test_evaluating_and_reading_change_nothing(self, model: Model) -> None:
        model.runner("train")(_batch(0))
        before = model.runner("get_parameters")({})
        model.runner("evaluate")(_batch(1))
        model.runner("infer")({"x": X[:3]})
        after = model.runner("get_parameters")({})
        np.testing.assert_array_equal(before["w"], after["w"])

    def test_outputs_are_fresh_arrays(self, model: Model) -> None:
        get_parameters, train = model.runner("get_parameters"), model.runner("train")
        kept = get_parameters({})
        copy = {name: array.copy() for name, array in kept.items()}
        held = train(_batch(0))["loss"]
        loss = float(held)
        for step in range(1, 5):
            train(_batch(step))
        assert float(held) == loss
        for name, array in kept.items():
            np.testing.assert_array_equal(array, copy[name])
            assert array.flags.writeable

    def test_takes_arrays_that_are_not_contiguous(self, model: Model) -> None:
        w = np.arange(FEATURES * CLASSES, dtype="f4").reshape(FEATURES, CLASSES)
        model.runner("set_parameters")({"w": np.asfortranarray(w), "b": np.arange(6, dtype="f4")[::2]})
        parameters = model.runner("get_parameters")({})
        np.testing.assert_array_equal(parameters["w"], w)
        np.testing.assert_array_equal(parameters["b"], [0, 2, 4])
        wide = np.repeat(X[:8], 2, axis=0)[::2]
        infer = model.runner("infer")
        np.testing.assert_array_equal(infer({"x": wide})["score"], infer({"x": X[:8]})["score"])

    def test_an_unknown_signature_is_named(self, model: Model) -> None:
        with pytest.raises(SignatureMissing, match="'predict'"):
            model.runner("predict")

    @pytest.mark.parametrize(
        ("inputs", "named"),
        [
            ({}, "x"),
            ({"y": X[:1]}, "x"),
            ({"x": X[:1], "y": X[:1]}, "y"),
            ({"x": X[:1].astype("f8")}, "'x'"),
            ({"x": X[:1, :3]}, "'x'"),
            ({"x": X[0]}, "'x'"),
        ],
    )
    def test_wrong_inputs_are_named_and_harm_nothing(
        self, model: Model, inputs: dict[str, NDArray[Any]], named: str
    ) -> None:
        infer = model.runner("infer")
        with pytest.raises(BadInput, match=named):
            infer(inputs)
        assert infer({"x": X[:2]})["score"].shape == (2,)

    def test_a_fixed_batch_is_kept(self, model: Model) -> None:
        with pytest.raises(BadInput, match=r"'(x|label)'"):
            model.runner("train")({"x": X[: BATCH - 1], "label": LABEL[: BATCH - 1]})

    @pytest.mark.parametrize("graph_bytes", [b"", b"not a graph", bytes(64)])
    def test_what_is_no_graph_is_rejected(self, engine: Engine, graph_bytes: bytes) -> None:
        with pytest.raises(GraphRejected):
            engine.load(graph_bytes)

    def test_closing_twice_is_harmless(self, model: Model) -> None:
        model.close()
        model.close()
