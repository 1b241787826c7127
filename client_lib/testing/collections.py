"""The Collections service in memory."""

import re
from collections.abc import Collection as Names
from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from client_lib.errors import InvalidArgument, NotFound, PermissionDenied, ResourceExhausted
from client_lib.testing.context import checked_type, injected
from client_lib.testing.state import App, Collection, Entry, Part, State
from insitu.v1 import collection_pb2 as pb
from insitu.v1.example_pb2 import Example

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LONGEST_TTL_MS = 10 * 365 * 24 * 3600 * 1000
_LONGEST_KEY_BYTES = 64
_NO_LIMIT = 2**63 - 1
_LONGEST_ACCOUNT = 256
_KEYS_HOLD_MS = 24 * 3600 * 1000


class Collections:
    """Its methods answer one call each, as the daemon does. They raise InsituError with the daemon's reasons."""

    def __init__(self, state: State) -> None:
        self._state = state

    def configure(self, request: pb.ConfigureCollectionRequest, app: App) -> pb.ConfigureCollectionResponse:
        options = request.options
        check_name(request.collection, "collection")
        ttl_ms = _ttl(options.time_to_live, "options.time_to_live") if options.HasField("time_to_live") else None
        wishes = [_wish(wish) for wish in options.context.wishes] if options.HasField("context") else None
        if options.max_examples < 0:
            raise InvalidArgument(
                "options.max_examples: must not be negative; 0 means no limit", field="options.max_examples"
            )
        self._check_count(
            "QUOTA_COLLECTIONS", "collections", app.collections, request.collection, self._state.limits.collections
        )
        collection = app.collections.setdefault(request.collection, Collection(request.collection))
        if ttl_ms is not None:
            for entry in collection.entries:
                entry.expires_ms = min(entry.expires_ms, entry.added_ms + ttl_ms)
            collection.ttl_ms = ttl_ms
        if wishes is not None:
            collection.wishes = wishes
        if options.HasField("max_examples"):
            collection.max_examples = options.max_examples
        if options.HasField("durable"):
            collection.durable = options.durable
        return pb.ConfigureCollectionResponse(options=_options(collection))

    def add(self, request: pb.SerializedAddRequest, app: App) -> pb.AddResponse:
        if not app.consent:
            raise PermissionDenied(
                f"the user has not consented to collection by {app.package}; they can run:"
                f" insitu consent give {app.package}",
                reason="NO_CONSENT",
            )
        collection = find(app, request.collection)
        if len(request.idempotency_key) > _LONGEST_KEY_BYTES:
            raise InvalidArgument(
                f"idempotency_key: must have at most {_LONGEST_KEY_BYTES} bytes", field="idempotency_key"
            )
        if len(request.account) > _LONGEST_ACCOUNT:
            raise InvalidArgument(f"account: must have at most {_LONGEST_ACCOUNT} characters", field="account")
        examples = _checked(request)
        if request.account:
            self._check_count("QUOTA_ACCOUNTS", "accounts", app.accounts, request.account, self._state.limits.accounts)
            app.accounts.add(request.account)
        now_ms, key = self._state.now_ms, request.idempotency_key
        if key and now_ms - collection.keys.get(key, now_ms - _KEYS_HOLD_MS) < _KEYS_HOLD_MS:
            return pb.AddResponse(count=len(examples), repeated_request=True)
        self._check_quota(app, collection, examples)
        if key:
            collection.keys[key] = now_ms
        collection.entries.extend(self._entry(app, collection, example, request.account) for example in examples)
        if collection.max_examples:
            collection.entries = alive(collection, now_ms)[-collection.max_examples :]
        return pb.AddResponse(count=len(examples))

    def stats(self, request: pb.CollectionStatsRequest, app: App) -> pb.CollectionStats:
        message = stats_of(find(app, request.collection), self._state.now_ms)
        message.usage.CopyFrom(usage_of(self._state, app))
        return message

    def clear(self, request: pb.ClearRequest, app: App) -> pb.ClearResponse:
        return pb.ClearResponse(count=clear(find(app, request.collection), request.account, self._state.now_ms))

    def list(self, request: pb.ListCollectionsRequest, app: App) -> pb.ListCollectionsResponse:
        ordered = sorted(app.collections.values(), key=lambda collection: collection.name)
        return pb.ListCollectionsResponse(
            collections=[stats_of(one, self._state.now_ms) for one in ordered], usage=usage_of(self._state, app)
        )

    def _entry(self, app: App, collection: Collection, example: bytes, account: str) -> Entry:
        now_ms = self._state.now_ms
        expires_ms = now_ms + collection.ttl_ms
        context = {}
        for type, ttl_ms in collection.wishes:
            features = injected(self._state, app, type)
            if features is not None:
                context[type] = Part(features, min(expires_ms, now_ms + ttl_ms if ttl_ms else expires_ms))
        return Entry(example, account, now_ms, expires_ms, context)

    def _check_count(self, reason: str, what: str, known: Names[str], name: str, limit: int | None) -> None:
        if limit is not None and name not in known and len(known) >= limit:
            raise ResourceExhausted(
                f"this app has the {limit} {what} that it may have: use those",
                reason=reason,
                detail=str(limit),
            )

    def _check_quota(self, app: App, collection: Collection, examples: Sequence[bytes]) -> None:
        """What takes the place of as much is let through."""
        limits, now_ms = self._state.limits, self._state.now_ms
        if limits.examples is None and limits.size_bytes is None:
            return
        others = [entry for one in app.collections.values() if one is not collection for entry in alive(one, now_ms)]
        held = [len(entry.example) for entry in alive(collection, now_ms)]
        after = [*held, *map(len, examples)][-collection.max_examples :]
        size_bytes = sum(len(entry.example) for entry in others)
        for reason, what, before_all, after_all, limit in (
            ("QUOTA_EXAMPLES", "examples", len(others) + len(held), len(others) + len(after), limits.examples),
            ("QUOTA_BYTES", "bytes of examples", size_bytes + sum(held), size_bytes + sum(after), limits.size_bytes),
        ):
            if limit is not None and after_all > max(limit, before_all):
                raise ResourceExhausted(
                    f"this app stores {before_all} {what} and may store {limit}: clear some, or give its collections a"
                    " shorter time to live or a limit",
                    reason=reason,
                    detail=str(limit),
                )


def check_name(name: str, field: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"{field}: {name[:80]!r} is no name; use up to 64 of a-z, 0-9, '.', '_' and '-', starting with a letter or"
            " digit",
            field=field,
        )


def find(app: App, name: str) -> Collection:
    if name not in app.collections:
        raise NotFound(f"collection: there is no collection {name!r}; configure it first", field="collection")
    return app.collections[name]


def alive(collection: Collection, now_ms: int) -> list[Entry]:
    """What has not expired, and of its context what has not."""
    collection.entries = [entry for entry in collection.entries if entry.expires_ms > now_ms]
    for entry in collection.entries:
        entry.context = {type: part for type, part in entry.context.items() if part.expires_ms > now_ms}
    return collection.entries


def stats_of(collection: Collection, now_ms: int) -> pb.CollectionStats:
    live = alive(collection, now_ms)
    return pb.CollectionStats(
        collection=collection.name,
        examples=len(live),
        size_bytes=sum(entry.size_bytes for entry in live),
        oldest_ms=min((entry.added_ms for entry in live), default=0),
        newest_ms=max((entry.added_ms for entry in live), default=0),
        next_expiry_ms=min((entry.expires_ms for entry in live), default=0),
        durable=collection.durable,
    )


def usage_of(state: State, app: App) -> pb.StorageUsage:
    live = [entry for collection in app.collections.values() for entry in alive(collection, state.now_ms)]
    examples, size_bytes = state.limits.examples, state.limits.size_bytes
    return pb.StorageUsage(
        examples=len(live),
        max_examples=_NO_LIMIT if examples is None else examples,
        size_bytes=sum(len(entry.example) for entry in live),
        max_bytes=_NO_LIMIT if size_bytes is None else size_bytes,
    )


def clear(collection: Collection, account: str, now_ms: int) -> int:
    live = alive(collection, now_ms)
    collection.entries = [entry for entry in live if account and entry.account != account]
    return len(live) - len(collection.entries)


def _wish(wish: pb.ContextWish) -> tuple[str, int | None]:
    checked_type(wish.type, "options.context.wishes.type")
    field = "options.context.wishes.time_to_live"
    return wish.type, _ttl(wish.time_to_live, field) if wish.HasField("time_to_live") else None


def _ttl(duration: Duration, field: str) -> int:
    ttl_ms = duration.ToMilliseconds()
    if not 1000 <= ttl_ms <= _LONGEST_TTL_MS:
        raise InvalidArgument(f"{field}: must lie between 1 second and 10 years", field=field)
    return ttl_ms


def _checked(request: pb.SerializedAddRequest) -> list[bytes]:
    if not request.examples:
        raise InvalidArgument("examples: is empty; send at least one example", field="examples")
    for number, example in enumerate(request.examples):
        try:
            features = Example.FromString(example).features.feature
        except DecodeError as error:
            raise InvalidArgument(
                f"examples: number {number} is no serialized insitu.v1.Example: {error}",
                field="examples",
                reason="MALFORMED",
            ) from error
        if not features:
            raise InvalidArgument(f"examples: number {number} has no feature", field="examples")
    return list(request.examples)


def _options(collection: Collection) -> pb.CollectionOptions:
    options = pb.CollectionOptions(max_examples=collection.max_examples, durable=collection.durable)
    options.time_to_live.FromMilliseconds(collection.ttl_ms)
    options.context.SetInParent()
    for type, ttl_ms in collection.wishes:
        wish = options.context.wishes.add(type=type)
        if ttl_ms is not None:
            wish.time_to_live.FromMilliseconds(ttl_ms)
    return options
