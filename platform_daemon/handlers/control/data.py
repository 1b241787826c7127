"""What apps have stored: counts, never contents."""

import asyncio

from insitu.v1 import collection_pb2
from insitu.v1 import control_pb2 as pb
from platform_daemon.access import Apps
from platform_daemon.errors import NotFound
from platform_daemon.forgetting import Forgetting
from platform_daemon.handlers.collections import stats_message, usage_message
from platform_daemon.state.collections import Collection, CollectionRepository
from platform_daemon.store.store import Store
from platform_daemon.transport.calls import CallContext, Enclave


class DataPart:
    def __init__(self, apps: Apps, collections: CollectionRepository, store: Store, forgetting: Forgetting) -> None:
        self._apps = apps
        self._collections = collections
        self._store = store
        self._forgetting = forgetting

    async def show_data(self, request: pb.ShowDataRequest, context: CallContext) -> pb.ShowDataResponse:
        if request.package:
            self._apps.get(request.package)
        enclaves = self._apps.enclaves(request.package)
        return pb.ShowDataResponse(apps=await asyncio.to_thread(lambda: [self._data(one) for one in enclaves]))

    async def clear_data(self, request: pb.ClearDataRequest, context: CallContext) -> collection_pb2.ClearResponse:
        self._apps.get(request.package)
        count = 0
        for enclave in self._apps.enclaves(request.package):
            chosen = self._chosen(enclave, request.collection)
            count += await self._forgetting.clear(enclave, chosen, request.account)
        return collection_pb2.ClearResponse(count=count)

    async def unhide_data(self, request: pb.UnhideDataRequest, context: CallContext) -> pb.UnhideDataResponse:
        return pb.UnhideDataResponse(examples=await asyncio.to_thread(self._unhide))

    def _unhide(self) -> int:
        before = self._living()
        self._store.unhide()
        return max(0, self._living() - before)

    def _living(self) -> int:
        places = [one.place for enclave in self._apps.enclaves() for one in self._collections.all(enclave.number)]
        return sum(self._store.stats(place).examples for place in places)

    def _chosen(self, enclave: Enclave, name: str) -> list[Collection]:
        if not name:
            return self._collections.all(enclave.number)
        found = self._collections.find(enclave.number, name)
        if found is None:
            raise NotFound(
                f"{enclave.package} has no collection {name!r}; `insitu data show` lists them", field="collection"
            )
        return [found]

    def _data(self, enclave: Enclave) -> pb.AppData:
        collections = self._collections.all(enclave.number)
        stats = [stats_message(one, self._store.stats(one.place)) for one in collections]
        usage = usage_message(self._store, enclave.number)
        damaged = [
            pb.DamagedRecords(collection=one.name, records=records)
            for one in collections
            if (records := self._store.damaged(one.place))
        ]
        return pb.AppData(package=enclave.package, collections=stats, usage=usage, damaged=damaged)
