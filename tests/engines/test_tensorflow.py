"""TensorFlow keeps the engines' contract."""

from pathlib import Path

import pytest

from ml_engines.engine import Engine
from ml_engines.errors import GraphRejected
from ml_engines.tensorflow import TensorFlowEngine
from tests.engines.contract import EngineContract
from tests.engines.graphs import saved_model_zip
from tests.engines.prying import prying_zip


class TestTensorFlow(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return TensorFlowEngine()

    @pytest.fixture
    def graph(self) -> bytes:
        return saved_model_zip()


def test_a_refusal_gives_the_reason_and_not_where_it_arose(tmp_path: Path) -> None:
    model = TensorFlowEngine().load(prying_zip({"infer": tmp_path / "absent"}, {}))
    with pytest.raises(GraphRejected, match=r"^signature 'infer' failed: /.*/absent; No such file or directory$"):
        model.runner("infer")({})


def test_what_was_unpacked_is_gone() -> None:
    import tensorflow as tf

    model = TensorFlowEngine().load(saved_model_zip())
    assert tf.io.gfile.glob("ram://insitu-*/*") == []
    model.close()
