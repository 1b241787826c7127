"""What the user decided, as training asks for it: by an enclave's number."""

from functools import partial

from platform_daemon.access import Apps, Permissions
from platform_daemon.injection import Injection
from platform_daemon.training.world import Grants
from platform_daemon.transport.calls import Enclave


class Rules:
    """Belongs to the event loop. An enclave that is not known any more has no rights."""

    def __init__(self, apps: Apps, permissions: Permissions, injection: Injection) -> None:
        self._apps = apps
        self._permissions = permissions
        self._injection = injection
        self._known: dict[int, Enclave] = {}

    def consent(self, enclave: int) -> bool:
        found = self._find(enclave)
        return found is not None and self._permissions.consented(found.package)

    def grants(self, enclave: int) -> Grants:
        found = self._find(enclave)
        if found is None:
            return Grants(frozenset(), lambda _, features: type(features)())
        granted = self._permissions.grants.of_package(found.package)
        return Grants(frozenset(granted), partial(self._injection.permitted, found))

    def _find(self, number: int) -> Enclave | None:
        if number not in self._known:
            self._known = {enclave.number: enclave for enclave in self._apps.enclaves()}
        return self._known.get(number)
