"""Writes the predicate of an example query: `all_of(field("label") < 5, field("context:power.charging").present())`."""

from dataclasses import dataclass

from insitu.v1 import plan_pb2

Predicate = plan_pb2.Predicate


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A feature of an example; comparing it with a number or a text yields a predicate."""

    name: str

    def __eq__(self, value: object) -> Predicate:  # type: ignore[override]
        return _compare(self.name, plan_pb2.EQUAL, value)

    def __ne__(self, value: object) -> Predicate:  # type: ignore[override]
        return _compare(self.name, plan_pb2.NOT_EQUAL, value)

    def __lt__(self, value: float | str) -> Predicate:
        return _compare(self.name, plan_pb2.LESS, value)

    def __le__(self, value: float | str) -> Predicate:
        return _compare(self.name, plan_pb2.LESS_OR_EQUAL, value)

    def __gt__(self, value: float | str) -> Predicate:
        return _compare(self.name, plan_pb2.GREATER, value)

    def __ge__(self, value: float | str) -> Predicate:
        return _compare(self.name, plan_pb2.GREATER_OR_EQUAL, value)

    def __hash__(self) -> int:
        return hash(self.name)

    def present(self) -> Predicate:
        return Predicate(comparison=plan_pb2.Comparison(field=self.name, operator=plan_pb2.PRESENT))

    def absent(self) -> Predicate:
        return Predicate(comparison=plan_pb2.Comparison(field=self.name, operator=plan_pb2.ABSENT))


def field(name: str) -> Field:
    """A feature by its name, or "context:TYPE.FEATURE"."""
    return Field(name)


def all_of(*predicates: Predicate) -> Predicate:
    return Predicate(all=plan_pb2.PredicateList(predicates=predicates))


def any_of(*predicates: Predicate) -> Predicate:
    return Predicate(any=plan_pb2.PredicateList(predicates=predicates))


def negated(predicate: Predicate) -> Predicate:
    wrapper = Predicate()
    getattr(wrapper, "not").CopyFrom(predicate)
    return wrapper


def _compare(name: str, operator: plan_pb2.Operator, value: object) -> Predicate:
    comparison = plan_pb2.Comparison(field=name, operator=operator)
    if isinstance(value, str):
        comparison.text = value
    elif isinstance(value, bool | int | float):
        comparison.number = float(value)
    else:
        raise TypeError(f"field {name!r} compares with a number or a text, not {type(value).__name__}")
    return Predicate(comparison=comparison)
