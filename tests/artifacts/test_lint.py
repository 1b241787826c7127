from collections.abc import Callable, Iterator

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_manager import PlanRejected, Severity, context_types_used, lint, parse_plan
from artifact_manager.lint import MAX_FINDINGS, MAX_INSTRUCTION_BYTES, MAX_PARTS
from artifact_manager.rules import covered
from insitu.v1 import example_pb2 as ex
from insitu.v1 import plan_pb2 as pb
from tests.artifacts import plans

PLANS: dict[str, Callable[[], pb.Plan]] = {
    "inference": plans.inference,
    "training": plans.training,
    "evaluation": plans.evaluation,
}
Change = Callable[[pb.Plan], object]


def fields_of(descriptor: Descriptor, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Every field that a plan can hold; a default's Feature is examined whole by its feed's rule."""
    if descriptor.full_name in seen or descriptor.full_name == "insitu.v1.Feature":
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        yield descriptor.full_name, field.name
        if field.message_type is not None:
            yield from fields_of(field.message_type, seen)


def test_every_field_has_a_rule() -> None:
    assert set(fields_of(pb.Plan.DESCRIPTOR, set())) == covered()


@pytest.mark.parametrize("kind", PLANS)
def test_good_plans_have_no_findings(kind: str) -> None:
    plan = PLANS[kind]()
    assert lint(plan, least=Severity.WARNING, context_features=plans.CONTEXT) == []
    assert parse_plan(plan.SerializeToString()) == plan


def set_in(path: str, value: object) -> Change:
    """Assigns to a field by its path, e.g. "training.feeds[1].dtype"."""

    def change(plan: pb.Plan) -> None:
        target: object = plan
        *steps, last = path.replace("[", ".[").split(".")
        for step in steps:
            target = target[int(step[1:-1])] if step.startswith("[") else getattr(target, step)  # type: ignore[index]
        setattr(target, last, value)

    return change


def updating(**changes: float) -> Change:
    def change(plan: pb.Plan) -> None:
        plan.training.update.CopyFrom(plans.federated_update())
        for field, value in changes.items():
            setattr(plan.training.update, field, value)

    return change


def where(predicate: pb.Predicate) -> Change:
    return lambda plan: plan.training.query.where.CopyFrom(predicate)


def nested(depth: int) -> pb.Predicate:
    predicate = plans.compare("x", pb.PRESENT)
    for _ in range(depth - 1):
        predicate = plans.negated(predicate)
    return predicate


def default(**lists: object) -> Change:
    return lambda plan: plan.inference.feeds[0].default.CopyFrom(ex.Feature(**lists))  # type: ignore[arg-type]


BROKEN: list[tuple[str, Change, str]] = [
    ("inference", set_in("name", "Keyboard"), "name"),
    ("inference", set_in("name", "a/../b"), "name"),
    ("inference", set_in("name", "a..b"), "name"),
    ("inference", set_in("version", "1.2"), "version"),
    ("inference", set_in("version", "01.2.3"), "version"),
    ("inference", set_in("parent", "x\n"), "parent"),
    ("inference", lambda plan: plan.ClearField("engine"), "engine"),
    ("inference", set_in("engine.name", ""), "engine.name"),
    ("inference", set_in("engine.version_range", "newest"), "engine.version_range"),
    ("inference", lambda plan: plan.ClearField("graph"), "graph"),
    ("inference", lambda plan: plan.graph.ClearField("inline"), "graph"),
    ("inference", set_in("graph.inline", b""), "graph.inline"),
    ("inference", set_in("graph.sha256", "abc"), "graph.sha256"),
    ("inference", lambda plan: plan.ClearField("inference"), "instructions"),
    ("inference", set_in("parameters[1].name", ""), "parameters[1].name"),
    ("inference", set_in("parameters[1].name", "dense/kernel"), "parameters[1].name"),
    ("inference", set_in("parameters[1].dtype", ex.DATA_TYPE_BYTES), "parameters[1].dtype"),
    ("inference", set_in("parameters[1].dtype", 99), "parameters[1].dtype"),
    ("inference", lambda plan: plan.parameters[1].shape.append(-1), "parameters[1].shape"),
    ("inference", lambda plan: plan.parameters[0].shape.extend([1 << 40]), "parameters"),
    ("inference", lambda plan: plan.ClearField("base_parameters"), "base_parameters"),
    ("inference", set_in("base_parameters", b"rubbish"), "base_parameters"),
    ("inference", lambda plan: plan.parameters.pop(), "base_parameters"),
    ("inference", lambda plan: plan.inference.ClearField("feeds"), "inference.feeds"),
    ("inference", set_in("inference.feeds[1].input", "x"), "inference.feeds[1].input"),
    ("inference", set_in("inference.feeds[0].input", ""), "inference.feeds[0].input"),
    ("inference", set_in("inference.feeds[0].feature", ""), "inference.feeds[0].feature"),
    ("inference", set_in("inference.feeds[1].feature", "context:power"), "inference.feeds[1].feature"),
    ("inference", set_in("inference.feeds[1].feature", "context:network.metered"), "inference.feeds[1].feature"),
    ("inference", set_in("inference.feeds[0].dtype", 0), "inference.feeds[0].dtype"),
    ("inference", lambda plan: plan.inference.feeds[0].shape.append(-1), "inference.feeds[0].shape"),
    ("inference", lambda plan: plan.inference.feeds[0].shape.append(1 << 30), "inference.feeds[0].shape"),
    ("inference", default(), "inference.feeds[0].default"),
    ("inference", default(float_list=ex.FloatList(value=[1.0])), "inference.feeds[0].default"),
    ("inference", default(int64_list=ex.Int64List(value=[1, 2, 3])), "inference.feeds[0].default"),
    ("inference", set_in("inference.signature", "a\0"), "inference.signature"),
    ("inference", lambda plan: plan.inference.outputs.append("score"), "inference.outputs[2]"),
    ("inference", set_in("inference.score_output", "rank"), "inference.score_output"),
    ("inference", lambda plan: plan.inference.context.append("Power"), "inference.context[2]"),
    ("inference", lambda plan: plan.inference.context.append("power"), "inference.context[2]"),
    ("inference", set_in("inference.batch_size", -1), "inference.batch_size"),
    ("inference", set_in("inference.deadline_ms", 10**7), "inference.deadline_ms"),
    ("training", lambda plan: plan.training.ClearField("query"), "training.query"),
    ("training", set_in("training.batch_size", 0), "training.batch_size"),
    ("training", lambda plan: plan.training.ClearField("duration"), "training.duration"),
    ("training", set_in("training.epochs", 0), "training.epochs"),
    ("training", set_in("training.steps", -5), "training.steps"),
    ("training", set_in("training.start_from", 0), "training.start_from"),
    ("training", set_in("training.checkpoint_steps", -1), "training.checkpoint_steps"),
    ("training", set_in("training.signatures.infer", "fit"), "training.signatures.infer"),
    ("training", set_in("training.signatures.train", "evaluate"), "training.signatures.evaluate"),
    ("training", set_in("training.signatures.train", "\x01"), "training.signatures.train"),
    ("training", set_in("training.metrics[1].name", "loss"), "training.metrics[1].name"),
    ("training", set_in("training.metrics[1].name", ""), "training.metrics[1].name"),
    ("training", set_in("training.metrics[0].direction", 0), "training.metrics[0].direction"),
    ("training", set_in("training.acceptance_gate.metric", "auc"), "training.acceptance_gate.metric"),
    (
        "training",
        set_in("training.acceptance_gate.minimum_improvement", float("nan")),
        "training.acceptance_gate.minimum_improvement",
    ),
    (
        "training",
        set_in("training.acceptance_gate.minimum_holdout_examples", 0),
        "training.acceptance_gate.minimum_holdout_examples",
    ),
    ("training", set_in("training.query.holdout_share", 0.0), "training.query.holdout_share"),
    ("training", set_in("training.query.holdout_share", 0.6), "training.query.holdout_share"),
    ("training", set_in("training.query.collection", "Words"), "training.query.collection"),
    ("training", set_in("training.query.order", 0), "training.query.order"),
    ("training", set_in("training.query.limit", -1), "training.query.limit"),
    ("training", set_in("training.query.minimum_examples", 2000), "training.query.minimum_examples"),
    ("training", set_in("training.query.maximum_age_s", -1), "training.query.maximum_age_s"),
    ("training", lambda plan: plan.training.query.context.append("?"), "training.query.context[1]"),
    ("training", where(pb.Predicate()), "training.query.where"),
    ("training", where(plans.all_of()), "training.query.where"),
    ("training", where(nested(17)), "training.query.where"),
    ("training", where(plans.any_of(*[plans.compare("x", pb.PRESENT)] * 300)), "training.query.where"),
    ("training", where(plans.compare("", pb.PRESENT)), "training.query.where.comparison.field"),
    (
        "training",
        where(plans.negated(plans.compare("context:day.hour", pb.LESS, 5))),
        "training.query.where.not.comparison.field",
    ),
    ("training", where(plans.compare("x", pb.PRESENT, 1)), "training.query.where.comparison.number"),
    ("training", where(plans.compare("x", pb.EQUAL)), "training.query.where.comparison.value"),
    ("training", where(plans.compare("x", 0, 1)), "training.query.where.comparison.operator"),  # type: ignore[arg-type]
    ("training", where(plans.compare("x", pb.LESS, float("inf"))), "training.query.where.comparison.number"),
    ("training", updating(), "training.update"),
    ("training", updating(clipping_norm=0.0), "training.update.clipping_norm"),
    ("training", updating(quantisation_bits=64), "training.update.quantisation_bits"),
    ("training", updating(quantisation_bits=0), "training.update.quantisation_bits"),
    ("training", updating(noise_multiplier=-1.0), "training.update.noise_multiplier"),
    ("evaluation", lambda plan: plan.evaluation.ClearField("metrics"), "evaluation.metrics"),
    ("evaluation", set_in("evaluation.batch_size", 1 << 20), "evaluation.batch_size"),
]


@pytest.mark.parametrize(
    ("kind", "change", "field"), BROKEN, ids=[f"{field}-{n}" for n, (*_, field) in enumerate(BROKEN)]
)
def test_a_broken_field_is_named_with_its_remedy(kind: str, change: Change, field: str) -> None:
    plan = PLANS[kind]()
    change(plan)
    findings = lint(plan)
    assert field in [finding.field for finding in findings]
    for finding in findings:
        assert finding.problem
        assert finding.remedy
        assert len(str(finding)) < 400
    with pytest.raises(PlanRejected) as rejected:
        parse_plan(plan.SerializeToString())
    assert rejected.value.findings == tuple(findings)
    assert field in str(rejected.value) or len(findings) > 1


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("inference", lambda plan: plan.inference.feeds[1].ClearField("default"), "inference.feeds[1].default"),
        ("inference", set_in("inference.feeds[1].feature", "context:power.volts"), "inference.feeds[1].feature"),
        ("inference", lambda plan: plan.inference.context.append("weather"), "inference.context[2]"),
        ("training", lambda plan: plan.training.ClearField("acceptance_gate"), "training.acceptance_gate"),
    ],
)
def test_warnings_do_not_refuse_a_plan(kind: str, change: Change, field: str) -> None:
    plan = PLANS[kind]()
    change(plan)
    (finding,) = lint(plan, least=Severity.WARNING, context_features=plans.CONTEXT)
    assert (finding.field, finding.severity) == (field, Severity.WARNING)
    assert lint(plan) == []
    parse_plan(plan.SerializeToString())


def test_what_a_federated_plan_sends_is_refused_not_ignored() -> None:
    plan = plans.training()
    updating()(plan)
    (finding,) = lint(plan)
    assert str(finding) == "training.update: is set and this release trains on the device alone; leave update out"


def test_context_types_used() -> None:
    assert context_types_used(plans.inference()) == {"power", "day"}
    assert context_types_used(plans.training()) == {"power"}
    assert context_types_used(plans.evaluation()) == {"power"}
    assert context_types_used(pb.Plan()) == frozenset()


def test_a_field_of_a_later_release_is_refused() -> None:
    for data in (plans.inference().SerializeToString() + b"\xf8\x07\x01", _in_training(b"\xf8\x07\x01")):
        with pytest.raises(PlanRejected, match=r"field 127 that this release does not know.*update"):
            parse_plan(data)


def _in_training(more: bytes) -> bytes:
    plan = plans.training()
    instructions = plan.training.SerializeToString() + more
    plan.ClearField("training")
    return plan.SerializeToString() + b"\x4a" + _varint(len(instructions)) + instructions


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def test_sizes_are_bounded_before_parsing() -> None:
    plan = plans.inference()
    with pytest.raises(PlanRejected, match="keep it within 100"):
        parse_plan(plan.SerializeToString(), max_bytes=100)
    plan.graph.inline = bytes(3 * MAX_INSTRUCTION_BYTES)
    parse_plan(plan.SerializeToString())
    plan.inference.outputs.append("x" * MAX_INSTRUCTION_BYTES)
    with pytest.raises(PlanRejected, match="bytes of instructions"):
        parse_plan(plan.SerializeToString())


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x42" + _varint(1 << 19) + b"\x0a\x00" * (1 << 18),
        b"\x2a\x00" * 100_000,
        b"\x2a" + _varint(1 << 21) + b"\x78\x00" * (1 << 20),
        b"\x32\x00" * 100_000,
        b"\x0b" * 1000,
    ],
    ids=["feeds", "graphs", "unknown fields in a graph", "parameters", "groups"],
)
def test_bombs_are_refused_soon(bomb: bytes) -> None:
    with pytest.raises(PlanRejected) as rejected:
        parse_plan(bomb)
    assert len(rejected.value.findings) <= MAX_FINDINGS


def test_a_plan_of_too_many_parts_is_not_walked_to_the_end() -> None:
    plan = plans.training()
    plan.training.query.where.CopyFrom(plans.any_of(*[plans.compare("x", pb.PRESENT)] * MAX_PARTS))
    assert any("parts" in str(finding) for finding in lint(plan))


def test_findings_end_somewhere() -> None:
    plan = plans.inference()
    del plan.inference.feeds[:]
    plan.inference.feeds.extend(pb.Feed() for _ in range(200))
    assert len(lint(plan)) == MAX_FINDINGS


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_plan_or_refused(data: bytes) -> None:
    with pytest.raises(PlanRejected):
        parse_plan(data)


@settings(max_examples=150)
@given(st.sampled_from(sorted(PLANS)), st.data())
def test_damaged_plans_are_a_plan_or_refused(kind: str, data: st.DataObject) -> None:
    good = bytearray(PLANS[kind]().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(good) // 2, len(good)))
    try:
        plan = parse_plan(bytes(good[:cut]))
    except PlanRejected as rejected:
        message = str(rejected)
        assert message.isprintable()
    else:
        assert lint(plan) == []
