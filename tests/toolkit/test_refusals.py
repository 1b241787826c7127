"""What LiteRT cannot do is named, and `auto` goes on with TensorFlow."""

import keras
import pytest

from plan_toolkit import OperationUnsupported
from plan_toolkit.litert_graph import refusal
from tests.toolkit.authored import authored, mlp, stack

layers = keras.layers


def gelu():
    return mlp(8, 6, 3, activation="gelu")


def dropout():
    return stack((8,), layers.Dense(6, activation="relu"), layers.Dropout(0.3))


def overlapping_pool():
    return stack(
        (8, 8, 2), layers.MaxPooling2D(3, strides=2), layers.Conv2D(2, 1), layers.MaxPooling2D(2, 1), layers.Flatten()
    )


def depthwise():
    return stack((6, 6, 2), layers.DepthwiseConv2D(3), layers.Flatten())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (gelu, r"LiteRT's built-ins have no gradient for GELU \(op Erfc in .*dense.*\): use engine='tensorflow'"),
        (dropout, r"have no dropout \(op Stateless\w+ in .*dropout.*\): use engine='tensorflow' or replace the layer"),
        (
            overlapping_pool,
            r"no gradient for overlapping or channels-first max pooling \(op MaxPool in .*max_pooling2d",
        ),
        (depthwise, r"no gradient for depthwise convolution \(op DepthwiseConv2d\w+ in .*depthwise"),
    ],
)
def test_a_refusal_names_operation_place_and_remedy(model, message):
    with pytest.raises(OperationUnsupported, match=message) as refused:
        authored(model(), engine="litert")
    assert refused.value.operations


def test_auto_trains_by_tensorflow_what_litert_can_only_infer():
    plans = authored(gelu())
    assert plans.inference.engine.name == "litert"
    assert plans.training.engine.name == "tensorflow"
    (notice,) = plans.notices
    assert notice.code == "tensorflow-instead-of-litert"
    assert notice.message.startswith("the training plan uses TensorFlow")
    assert "GELU" in notice.message


def test_recurrence_runs_by_tensorflow_alone():
    plans = authored(stack((4, 3), layers.GRU(5)), verify=False)
    assert plans.inference.engine.name == plans.training.engine.name == "tensorflow"
    assert [notice.code for notice in plans.notices] == ["tensorflow-instead-of-litert"] * 2


def test_auto_needs_no_notice_where_litert_can():
    assert authored(mlp(8, 6, 3), verify=False).notices == ()


def test_a_failure_that_names_no_operation_is_told_in_the_converters_words():
    refused = refusal(RuntimeError("Failed to bind all placeholders in <Unknown AttrValue type>\nmore"), {})
    assert refused.operations == ()
    assert str(refused) == (
        "the LiteRT converter failed, and said 'RuntimeError: Failed to bind all placeholders in "
        "<Unknown AttrValue type>': author again, or use engine='tensorflow' or replace the layer"
    )
