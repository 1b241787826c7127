"""From an example query to the messages that feed a trainer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from insitu.v1.example_pb2 import Example, Features
from insitu.v1.plan_pb2 import OLDEST_FIRST, ExampleQuery
from insitu.v1.trainer_pb2 import ExampleChunk, StoredExample
from platform_daemon.store.store import Place, Scan, Store
from platform_daemon.training.holdout import is_held_out

CHUNK_EXAMPLES = 1000
CHUNK_BYTES = 1 << 20

Permit = Callable[[str, Features], Features]
"""Leaves of a type's features those that the user grants now."""
Predicate = Callable[[Example, Mapping[str, Features]], bool]


@dataclass(slots=True)
class TrainingSet:
    """Reads what a query asks for. Iterate `chunks` once; the counts are final when it is exhausted."""

    store: Store
    place: Place
    query: ExampleQuery
    granted_types: frozenset[str]
    permit: Permit
    predicate: Predicate | None
    last_sequence: int | None
    now_ms: int
    training: int = 0
    held_out: int = 0
    highest_sequence: int = 0
    """Of all entries read, whether they match or not: the bound with which a resumed run reads the same set."""
    context_types: set[str] = field(default_factory=set)
    """Types that the examples contained: the lineage of what is trained on them."""

    def chunks(self) -> Iterator[ExampleChunk]:
        """Messages of about a thousand examples, or a megabyte."""
        chunk, size = ExampleChunk(), 0
        for row in self._rows():
            chunk.examples.append(row)
            size += len(row.example) + len(row.new_context)
            if len(chunk.examples) >= CHUNK_EXAMPLES or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = ExampleChunk(), 0
        if chunk.examples:
            yield chunk

    def _rows(self) -> Iterator[StoredExample]:
        query = self.query
        contexts = 0
        last: Mapping[str, bytes] | None = None
        index, decoded, fresh = 0, dict[str, Features](), b""
        for entry in self.store.scan(self._scan()):
            self.highest_sequence = max(self.highest_sequence, entry.sequence)
            if entry.context is not last:
                last = entry.context
                decoded = self._decode(last)
                fresh = _flatten(decoded)
                index = 0
            if self.predicate is not None and not self.predicate(Example.FromString(entry.example), decoded):
                continue
            row = StoredExample(sequence=entry.sequence, example=entry.example)
            if decoded:
                self.context_types.update(decoded)
                if not index:
                    contexts += 1
                    index = contexts
                    row.new_context = fresh
                row.context = index
            row.held_out = is_held_out(entry.sequence, query.holdout_share)
            if row.held_out:
                self.held_out += 1
            else:
                self.training += 1
            yield row
            if query.limit and self.training + self.held_out >= query.limit:
                return

    def _scan(self) -> Scan:
        return Scan(
            self.place,
            context_types=frozenset(self.query.context) & self.granted_types,
            newest_first=self.query.order != OLDEST_FIRST,
            up_to_sequence=self.last_sequence,
            added_since_ms=self.now_ms - self.query.maximum_age_s * 1000 if self.query.maximum_age_s else 0,
        )

    def _decode(self, context: Mapping[str, bytes]) -> dict[str, Features]:
        permitted = {name: self.permit(name, Features.FromString(blob)) for name, blob in context.items()}
        return {name: features for name, features in permitted.items() if features.feature}


def _flatten(context: Mapping[str, Features]) -> bytes:
    """One message of all types, with the names that a plan's feeds use."""
    flat = Features()
    for type_name, features in context.items():
        for name, feature in features.feature.items():
            flat.feature[f"context:{type_name}.{name}"].CopyFrom(feature)
    return flat.SerializeToString()
