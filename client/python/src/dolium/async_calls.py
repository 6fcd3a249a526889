"""AsyncCalls: the part of ObjectStore that is for asyncio. aio.py has the machinery."""

from __future__ import annotations

from typing import Any, Iterable, List, Optional

from . import _dolium, aio, codecs
from ._arguments import Buffer, Life, Timeout, id_or_new
from ._dolium import Object, ObjectBuilder, ObjectId


class AsyncCalls:
    """The calls of an ObjectStore for asyncio: none blocks the loop."""

    _decode_taken: Any
    retention: Optional[str]

    async def get_async(self, id: ObjectId, timeout: Timeout = None, *, private: bool = False) -> Any:
        """get() for asyncio, non-blocking. Waits without limit by default. Cancelling cancels in the daemon."""
        return codecs.decoder(private)(await self.get_raw_async(id, timeout), self)

    async def get_raw_async(self, id: ObjectId, timeout: Timeout = None) -> Object:
        """get_raw() for asyncio. Waits without limit by default."""
        return await aio.operation(self, _dolium.get_async, id, timeout)

    async def get_many_async(self, ids: Iterable[ObjectId], timeout: Timeout = None, *,
                             count: Optional[int] = None, private: bool = False) -> List[Any]:
        """Returns the values of all ids. Raises StoreTimeout if one of them is missing when the time is over. `private`
        as in get().

        With `count`, returns as soon as so many are there, or when the time is over; None for those that are missing.
        """
        return codecs.decode_all(await aio.get_many(self, list(ids), count, timeout), self, None, private)

    async def take_async(self, id: ObjectId, timeout: Timeout = None, *, private: bool = False) -> Any:
        """take() for asyncio, non-blocking. Waits without limit by default. A take that is cancelled has no effect,
        unless it removed the object a moment before: then the object is lost.
        """
        return self._decode_taken(await self.take_raw_async(id, timeout), private)

    async def take_raw_async(self, id: ObjectId, timeout: Timeout = None) -> Object:
        """take_raw() for asyncio. Waits without limit by default."""
        return await aio.operation(self, _dolium.take_async, id, timeout)

    async def wait_async(self, ids: Iterable[ObjectId], count: Optional[int] = None,
                         timeout: Timeout = None) -> List[bool]:
        """wait() for asyncio, in a thread of the loop's executor. Without a timeout it waits for ever. When it is
        cancelled, the thread is free within half a second."""
        return await aio.wait(self, list(ids), count, timeout)

    async def create_async(self, id: Optional[ObjectId], size: int, *, metadata: Buffer = b"", type_tag: int = 0,
                           type_name: str = "", pinned: bool = False, time_to_live: Life = None,
                           time_to_idle: Life = None, timeout: Timeout = None, label: str = "",
                           grace: Life = None, grace_readers: int = 1,
                           retention: Optional[str] = None) -> ObjectBuilder:
        """create() for asyncio: waits for room without blocking the loop."""
        options = (metadata, type_tag, type_name, pinned, time_to_live, time_to_idle, timeout, label, grace,
                   grace_readers, retention or self.retention)
        return await aio.operation(self, _dolium.create_async, id_or_new(id), size, options)

    async def put_async(self, value: Any, id: Optional[ObjectId] = None, *, pinned: bool = False,
                        time_to_live: Life = None, time_to_idle: Life = None, timeout: Timeout = None,
                        label: str = "", grace: Life = None, grace_readers: int = 1,
                        retention: Optional[str] = None) -> ObjectId:
        """put() for asyncio: waits for room without blocking the loop. Copies large values in another thread."""
        payload, id = codecs.encode(value), id_or_new(id)
        size = payload.size if payload.fill is not None else memoryview(payload.data).nbytes
        with await self.create_async(id, size, metadata=payload.metadata, type_tag=payload.type_tag,
                                     type_name=payload.type_name, pinned=pinned, time_to_live=time_to_live,
                                     time_to_idle=time_to_idle, timeout=timeout, label=label, grace=grace,
                                     grace_readers=grace_readers, retention=retention) as builder:
            await aio.run_copy(size, payload.fill or (lambda target: target.write(payload.data)), builder)
        return id
