"""Source files of plans."""

import pytest

from insitu.v1 import plan_pb2
from plan_toolkit import BadArgument, OperationUnsupported, SourceInvalid, build, new_source

SMALL = """
import keras
from plan_toolkit import ExampleQuery, Feed

def plan():
    hidden = keras.layers.Dense(3, activation={activation!r})
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1)])
    return dict(
        model=model, name="small", version="1.0.0", feeds=[Feed("x")], label_feed=Feed("y"), loss="mse",
        query=ExampleQuery("rows"), engine="litert",
    )
"""


def test_the_template_builds_as_it_is(tmp_path):
    source = new_source("my/digits", tmp_path / "source.py")
    built = build(source)
    assert built.inference_path == tmp_path / "my/digits.infer.plan"
    assert built.training_path == tmp_path / "my/digits.train.plan"
    assert built.plans.notices == ()
    plan = plan_pb2.Plan.FromString(built.training_path.read_bytes())
    assert (plan.name, plan.engine.name) == ("my/digits", "litert")
    assert plan.training.acceptance_gate.metric == "accuracy"
    with pytest.raises(BadArgument, match=r"source\.py is there already"):
        new_source("other", source)


def test_the_same_source_gives_the_same_bytes(tmp_path):
    source = tmp_path / "small.py"
    source.write_text(SMALL.format(activation="relu"))
    first, second = (build(source, tmp_path / name) for name in ("a", "b"))
    assert first.training_path.read_bytes() == second.training_path.read_bytes()
    assert first.inference_path.read_bytes() == second.inference_path.read_bytes()


def test_a_source_may_import_its_neighbour(tmp_path):
    (tmp_path / "neighbour_of_the_source.py").write_text(SMALL.format(activation="tanh"))
    (tmp_path / "source.py").write_text("from neighbour_of_the_source import plan\n")
    assert build(tmp_path / "source.py").plans.inference.name == "small"


def test_refusals_of_authoring_pass_through(tmp_path):
    source = tmp_path / "small.py"
    source.write_text(SMALL.format(activation="gelu"))
    with pytest.raises(OperationUnsupported, match="GELU"):
        build(source)
    assert list(tmp_path.glob("*.plan")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def plan(:", r"source\.py, line 1: "),
        ("x = 1", r"source\.py: define a function plan\(\)"),
        ("import no_such_module_at_all", r"source\.py, line 1: ModuleNotFoundError"),
        ("def plan():\n    return 1 / 0", r"source\.py, line 2: ZeroDivisionError"),
        ("def plan():\n    return 3", r"source\.py: plan\(\) returned int"),
        ("def plan():\n    return {'model': 1, 'nmae': 'x'}", r"plan\(\): .*unexpected keyword argument 'nmae'"),
    ],
)
def test_a_broken_source_is_told_where(tmp_path, text, message):
    source = tmp_path / "source.py"
    source.write_text(text)
    with pytest.raises(SourceInvalid, match=message):
        build(source)


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(SourceInvalid, match=r"nowhere\.py: there is no such file"):
        build(tmp_path / "nowhere.py")
