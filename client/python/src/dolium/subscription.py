"""Subscription: a stream of events, for `for`, for `async for`, or one by one."""


from __future__ import annotations

import datetime
from typing import Any, Union

from . import _dolium, aio
from .errors import Disconnected, StoreTimeout
from .records import Event


class Subscription:
    """Events of sealed and removed objects. Ends at close(). Raises Disconnected if the daemon is gone.

    If a subscriber does not keep up, an "overflow" event marks the place of lost events.
    """

    def __init__(self, store: _dolium.Store) -> None:
        self._store = store
        self._stream = _dolium.subscribe(store)

    def next(self, timeout: Union[float, datetime.timedelta, None] = None) -> Event:
        """Returns the next event, in order. Raises StoreTimeout if none came in time."""
        event = self._take(timeout)
        if event is None:
            raise StoreTimeout("no event came in time")
        return event

    def _take(self, timeout):
        try:
            row = self._open().next(timeout)
        except Disconnected:
            if self._stream is None:  # another thread closed it meanwhile
                raise ValueError("this subscription is closed") from None
            raise
        return None if row is None else Event(*row)

    def _open(self):
        if self._stream is None:
            raise ValueError("this subscription is closed")
        return self._stream

    def __iter__(self) -> Subscription:
        return self

    def __next__(self) -> Event:
        try:
            return self.next()
        except ValueError:
            raise StopIteration from None

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        with aio.watching(self._store) as news:
            while self._stream is not None:
                heard = news.future()
                event = self._take(0)
                if event is not None:
                    return event
                await heard
        raise StopAsyncIteration

    def close(self) -> None:
        """Ends the subscription. A running iteration ends, too."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            aio.wake(self._store)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self):
        return f"<dolium.Subscription to {self._store!r}{', closed' if self._stream is None else ''}>"
