"""asyncio on a store's event descriptor.

While a loop has pending operations, it watches the store's event_fd() and processes the store's events when that is
readable. Several loops (in several threads) may do so at once. The loop that processes an event passes it to the
future's own loop. Without pending operations nothing is watched. So a store can be closed, and a loop can end, at any
time.

The state of a store is in its attribute `_aio`: pending futures, and futures that wait for events of subscriptions. A
closed loop drops its reader, which cancels its pending operations in the daemon.
"""

import asyncio
import contextlib
import functools

from . import _dolium
from .errors import Disconnected, ObjectNotFound, StoreTimeout

#: Minimum size of a copy in another thread. A smaller copy takes less time than the switch of threads.
_MUCH = 256 * 1024
#: Seconds after which a thread that waits looks whether its wait was cancelled.
_SLICE = 0.5


class _State:
    def __init__(self):
        self.watched = {}  # {loop: number of users}
        self.pending = {}  # {future of an operation: its handle}
        self.listeners = set()  # futures that wait for events


def _state_of(store):
    state = store.__dict__.get("_aio")
    if state is None:
        state = store.__dict__.setdefault("_aio", _State())
    return state


@contextlib.contextmanager
def _watched(store):
    """Within this context, the running loop processes the store's events."""
    loop, state = asyncio.get_running_loop(), _state_of(store)
    descriptor = _dolium.event_fd(store)
    if state.watched.setdefault(loop, 0) == 0:
        loop.add_reader(descriptor, _Reader(store, state, loop, descriptor))
    state.watched[loop] += 1
    try:
        yield state, loop
    finally:
        if loop in state.watched:  # else it was closed
            state.watched[loop] -= 1
            if state.watched[loop] == 0:
                del state.watched[loop]
                loop.remove_reader(descriptor)


class _Reader:
    """The callback that a loop runs when there are events. Only the loop holds it."""

    def __init__(self, store, state, loop, descriptor):
        self._store, self._state, self._loop, self._descriptor = store, state, loop, descriptor

    def __call__(self):
        try:
            _dolium.process_events(self._store)
        except Disconnected:
            # All pending operations have their error. The descriptor stays readable from now on: stop watching it.
            self._loop.remove_reader(self._descriptor)
        finally:
            wake(self._store)

    def __del__(self):
        if not self._loop.is_closed():
            return
        self._state.watched.pop(self._loop, None)
        for future, handle in list(self._state.pending.items()):
            if future.get_loop() is self._loop and self._state.pending.pop(future, None) is not None:
                handle.cancel()
        self._state.listeners -= {each for each in list(self._state.listeners) if each.get_loop() is self._loop}


def _settle(future, value, error):
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


def _hand_over(future, loop, value, error):
    """Called in any thread."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        _settle(future, value, error)
    elif not loop.is_closed():
        loop.call_soon_threadsafe(_settle, future, value, error)


async def operation(store, begin, *arguments):
    """Starts an operation that answers by callback, and waits for it. If cancelled, cancels it in the daemon."""
    with _watched(store) as (state, loop):
        future = loop.create_future()
        handle = begin(store, *arguments, functools.partial(_hand_over, future, loop))
        state.pending[future] = handle
        try:
            return await future
        except (asyncio.CancelledError, GeneratorExit):
            handle.cancel()
            raise
        finally:
            state.pending.pop(future, None)
            del future  # a failed future refers to its traceback, which refers to this frame


async def get_many(store, ids, count, timeout):
    """The Objects; without a count, all of them. One operation: where the store spills, the daemon gives all at once."""
    objects = await operation(store, _dolium.get_many_async, ids, count, timeout)
    missing = [id for id, found in zip(ids, objects) if found is None] if count is None else []
    if missing:
        del objects  # the exception's traceback refers to this frame, and would keep the received objects
        what = f"object {missing[0].hex()}" + (f", and {len(missing) - 1} other(s)," if len(missing) > 1 else "")
        if timeout == 0:
            raise ObjectNotFound(f"there is no sealed {what}: it was not put yet, or is gone (removed, evicted, expired)")
        raise StoreTimeout(f"nobody sealed {what} in time: `dolium inspect` tells whether somebody is writing it")
    return objects


async def wait(store, ids, count, timeout):
    loop = asyncio.get_running_loop()
    if hasattr(timeout, "total_seconds"):
        timeout = timeout.total_seconds()
    end = float("inf") if timeout is None else loop.time() + timeout
    wanted = len(ids) if count is None else count
    there = [False] * len(ids)
    while True:
        left = min(_SLICE, max(0, end - loop.time()))
        seen = await loop.run_in_executor(None, store.wait, ids, count, left)
        there = [before or now for before, now in zip(there, seen)]
        if sum(there) >= wanted or loop.time() >= end:
            return there


async def run_copy(size, copy, target):
    if size < _MUCH:
        copy(target)
    else:
        # Wait for it even if cancelled: it writes to memory that the caller is about to give back.
        copying = asyncio.get_running_loop().run_in_executor(None, copy, target)
        try:
            await asyncio.shield(copying)
        except asyncio.CancelledError:
            await asyncio.wait([copying])
            raise


class _News:
    def __init__(self, state, loop):
        self._state, self._loop, self._future = state, loop, None

    def future(self):
        """A future that is done when there may be events. Get it before looking for events, so that none is missed."""
        if self._future is None or self._future.done():
            self.drop()
            self._future = self._loop.create_future()
            self._state.listeners.add(self._future)
        return self._future

    def drop(self):
        self._state.listeners.discard(self._future)


@contextlib.contextmanager
def watching(store):
    """For iteration over a subscription. The extension reports events that other threads have processed."""
    if store._after_events is None:
        listeners = _state_of(store)
        store._after_events = lambda: _wake(listeners)
    with _watched(store) as (state, loop):
        news = _News(state, loop)
        try:
            yield news
        finally:
            news.drop()


def wake(store):
    _wake(_state_of(store))


def _wake(state):
    for future in list(state.listeners):
        _hand_over(future, future.get_loop(), None, None)


def abandon(store, error):
    """The store is being closed: ends all pending operations."""
    state = store.__dict__.get("_aio")
    if state is None or store.closed:
        return
    descriptor = _dolium.event_fd(store)
    for loop in list(state.watched):
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.remove_reader, descriptor) if _elsewhere(loop) else loop.remove_reader(descriptor)
    for future in list(state.pending) + list(state.listeners):
        _hand_over(future, future.get_loop(), None, error)


def _elsewhere(loop):
    try:
        return asyncio.get_running_loop() is not loop
    except RuntimeError:
        return True
