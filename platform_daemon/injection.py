"""The one way from the present context into an app's data: what it wishes, the user grants, and is known."""

import threading
from collections import defaultdict
from collections.abc import Sequence

from context import Injector
from insitu.v1.example_pb2 import Features
from platform_daemon.access import Permissions
from platform_daemon.state.collections import Wish
from platform_daemon.store.store import ContextPart
from platform_daemon.transport.calls import Enclave


class Injection:
    """Asks for permission at every event. May be used from any thread."""

    def __init__(self, injector: Injector, permissions: Permissions) -> None:
        self._injector = injector
        self._permissions = permissions
        self._gates: dict[int, threading.Lock] = defaultdict(threading.Lock)

    def gate(self, enclave: int) -> threading.Lock:
        """Held while context is injected and stored, and while it is erased after a revocation: so what was injected
        under the old grant is stored before the erasure, and what comes later sees the new one."""
        return self._gates[enclave]

    def for_storage(self, enclave: Enclave, wishes: Sequence[Wish], account: str) -> Sequence[ContextPart]:
        """Parts to be stored with examples of this moment; what is withheld is simply absent."""
        if not wishes:
            return ()
        granted = self._permissions.grants.of_package(enclave.package)
        names = [wish.type for wish in wishes]
        ttl_ms = {wish.type: wish.ttl_ms for wish in wishes}
        injection = self._injector.inject(names, granted, account_named=bool(account))
        return [ContextPart(part.type, part.features, ttl_ms[part.type]) for part in injection.parts]

    def for_prediction(self, enclave: Enclave, types: Sequence[str], account: str) -> Features:
        """Features named "context:TYPE.FEATURE". Shared: not to be modified."""
        granted = self._permissions.grants.of_package(enclave.package)
        return self._injector.inject(types, granted, account_named=bool(account)).features

    def permitted(self, enclave: Enclave, context_type: str, features: Features) -> Features:
        """Of stored features those that the user grants now."""
        granted = self._permissions.grants.features(enclave.package, context_type)
        if features.feature.keys() <= granted:
            return features
        kept = Features()
        for name in features.feature.keys() & granted:
            kept.feature[name].CopyFrom(features.feature[name])
        return kept
