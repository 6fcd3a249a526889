"""asyncio."""

import asyncio
import gc
import threading

import dolium
import numpy as np
import pytest
from conftest import eventually
from dolium import ObjectId

ID = ObjectId.from_name("async")


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


async def until(condition):
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not come true")


def test_get_what_is_there(store):
    async def main():
        id = store.put("salve")
        assert await store.get_async(id) == "salve"
        assert bytes(await store.get_raw_async(id)) == b"salve"
        assert await store.get_many_async([id, id]) == ["salve", "salve"]

    run(main())


def test_get_waits_and_others_run(store):
    async def main():
        waiting = asyncio.ensure_future(store.get_async(ID))
        await until(lambda: store.stats().waiting_gets == 1)
        await store.put_async({"a": 1}, ID)
        assert await waiting == {"a": 1}

    run(main())


def test_a_thread_s_seal_wakes_the_loop(store):
    async def main():
        waiting = asyncio.ensure_future(store.get_async(ID))
        await until(lambda: store.stats().waiting_gets == 1)
        thread = threading.Thread(target=store.put, args=(1, ID))
        thread.start()
        assert await waiting == 1
        thread.join(20)

    run(main())


def test_take_async(store):
    async def main():
        taking = [asyncio.ensure_future(store.take_async(ID)) for _ in range(2)]
        await until(lambda: store.stats().waiting_gets == 2)
        await store.put_async("first", ID)
        await until(lambda: not store.exists(ID))
        await store.put_async("second", ID)
        assert sorted(await asyncio.gather(*taking)) == ["first", "second"]
        with pytest.raises(dolium.StoreTimeout):
            await store.take_async(ID, 0.01)
        cancelled = asyncio.ensure_future(store.take_async(ID))
        await until(lambda: store.stats().waiting_gets == 1)
        cancelled.cancel()
        await until(lambda: store.stats().waiting_gets == 0)
        store.put(b"stays", ID)
        assert store.exists(ID)
        assert bytes(await store.take_raw_async(ID)) == b"stays"

    run(main())


def test_get_many_async_with_a_count(store):
    async def main():
        there, other = store.put(1), ObjectId.random()
        assert await store.get_many_async([there, ID], count=1) == [1, None]
        waiting = asyncio.ensure_future(store.get_many_async([ID, there, other], count=2))
        await until(lambda: store.stats().waiting_gets == 1)
        store.put(2, ID)
        assert await waiting == [2, 1, None]
        await until(lambda: store.stats().waiting_gets == 0)
        assert await store.get_many_async([there, ID, other], 0.01, count=3) == [1, 2, None]
        with pytest.raises(dolium.InvalidArgument):
            await store.get_many_async([there], count=2)

    run(main())


def test_deadlines_and_errors(store):
    async def main():
        with pytest.raises(dolium.ObjectNotFound):
            await store.get_async(ID, 0)
        with pytest.raises(dolium.StoreTimeout):
            await store.get_async(ID, 0.01)
        with pytest.raises(dolium.StoreTimeout):
            await store.get_many_async([store.put(1), ID], 0.01)
        with pytest.raises(dolium.ObjectNotFound, match=f"{ID.hex()}, and 1 other"):
            await store.get_many_async([ID, store.put(1), ObjectId.random()], 0)
        with pytest.raises(dolium.TooLarge):
            await store.create_async(None, 1 << 40)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(store.get_async(ID), 0.01)
        await until(lambda: store.stats().waiting_gets == 0)

    run(main())


def test_cancellation_reaches_the_store(store):
    async def main():
        tasks = [asyncio.ensure_future(store.get_async(ID)) for _ in range(3)]
        await until(lambda: store.stats().waiting_gets == 3)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        await until(lambda: store.stats().waiting_gets == 0)
        held = store.create(None, store.stats().capacity)
        creating = asyncio.ensure_future(store.create_async(ID, 100))
        await until(lambda: store.stats().waiting_creates == 1)
        creating.cancel()
        await asyncio.wait([creating])
        await until(lambda: store.stats().waiting_creates == 0)
        held.abort()

    run(main())


def test_put_waits_for_room(store):
    async def main():
        held = store.create(None, store.stats().capacity)
        putting = asyncio.ensure_future(store.put_async(np.arange(100_000), ID))
        await until(lambda: store.stats().waiting_creates == 1)
        held.abort()
        assert await putting == ID
        assert (store.get(ID) == np.arange(100_000)).all()
        await store.put_async(b"bytes")
        async_builder = await store.create_async(None, 3)
        with async_builder as builder:
            builder[:] = b"abc"

    run(main())


def test_events(store):
    async def main():
        before = store.put(0)
        heard = []

        async def listen(events):
            async for event in events:
                heard.append(event)

        with store.subscribe() as events:
            listening = asyncio.ensure_future(listen(events))
            await until(lambda: len(heard) == 1)
            assert heard[0].id == before
            for i in range(100):
                store.put(i)
            await until(lambda: len(heard) == 101)
        await listening

    run(main())


def test_a_get_beside_a_subscription_loses_no_event(store):
    """Whoever processes the store's events, those who wait for news hear of them: here the main thread does, which
    waits in get(), while another thread's loop listens."""
    heard = threading.Event()
    listening = threading.Event()

    async def listen():
        with store.subscribe() as events:
            listening.set()
            async for event in events:
                if event.id == ID:
                    heard.set()
                    return

    thread = threading.Thread(target=lambda: run(listen()))
    thread.start()
    assert listening.wait(20)
    other = ObjectId.from_name("other")
    writer = threading.Thread(target=lambda: (eventually(lambda: store.stats().waiting_gets == 1), store.put(1, ID),
                                              heard.wait(20), store.put(2, other)))
    writer.start()
    assert store.get(other, 60) == 2
    writer.join(20)
    thread.join(20)
    assert heard.is_set()


def test_two_loops_share_a_store(store):
    def work(number):
        async def main():
            for i in range(50):
                mine, theirs = (ObjectId.from_name(f"{each}/{i}") for each in (number, 1 - number))
                await store.put_async(i, mine)
                assert await store.get_async(theirs) == i

        run(main())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads) and store.stats().total_objects == 100


def test_nothing_is_watched_when_nothing_is_under_way(store):
    async def main():
        await store.get_async(store.put(1))
        assert not asyncio.get_running_loop().remove_reader(store.event_fd())
        assert store._aio.watched == {} and not store._aio.pending and not store._aio.listeners

    run(main())
    run(main())


def test_closing_ends_what_is_under_way(daemon):
    async def main():
        client = dolium.Client(daemon)
        waiting = asyncio.ensure_future(client.get_async(ID))

        async def listen():
            async for _ in client.subscribe():
                pass

        listening = asyncio.ensure_future(listen())
        await until(lambda: client.stats().waiting_gets == 1 and client._aio.listeners)
        client.close()
        for task in (waiting, listening):
            with pytest.raises(dolium.Disconnected):
                await task

    run(main())


def test_the_daemon_s_death_ends_what_is_under_way(own_daemon):
    async def main():
        client = dolium.Client(own_daemon.path)
        held = client.get_raw(client.put("salve"))
        waiting = asyncio.ensure_future(client.get_async(ID))

        async def listen():
            async for _ in client.subscribe():
                pass

        listening = asyncio.ensure_future(listen())
        await until(lambda: client.stats().waiting_gets == 1 and client._aio.listeners)
        own_daemon.kill()
        for task in (waiting, listening):
            with pytest.raises(ConnectionError):
                await task
        assert bytes(held) == b"salve"
        with pytest.raises(dolium.Disconnected):
            client.put(1)
        assert "disconnected" in repr(client) and "Client" in client._repr_html_()

    run(main())


@pytest.mark.parametrize("keep", [False, True])
def test_a_closed_event_loop_leaves_no_waits(store, keep):
    loop = asyncio.new_event_loop()
    kept = []

    async def listen():
        async for _ in store.subscribe():
            pass

    async def main():
        kept.extend(asyncio.ensure_future(each) for each in (store.get_async(ID), store.create_async(ID, store.stats().capacity),
                                                             store.get_many_async([ID, ObjectId.random()]), listen()))
        await until(lambda: store.stats().waiting_gets == 2 and store.stats().waiting_creates == 1)

    held = store.create(None, store.stats().capacity)
    loop.run_until_complete(main())
    if not keep:
        kept.clear()
    loop.close()
    eventually(lambda: store.stats().waiting_gets + store.stats().waiting_creates == 0)
    held.abort()

    async def another():
        store.put("salve", ID)
        assert await store.get_async(ID) == "salve"

    run(another())  # the store goes on with another loop
    assert not store._aio.watched and not store._aio.pending
    for task in kept:
        task._log_destroy_pending = False
    kept.clear()
    gc.collect()


def test_a_dropped_future_harms_nobody(store):
    async def main():
        asyncio.ensure_future(store.get_async(ID))
        await until(lambda: store.stats().waiting_gets == 1)

    run(main())  # cancels what is left
    gc.collect()
    eventually(lambda: store.stats().waiting_gets == 0)


def test_wait_async_leaves_the_loop_free(store):
    ids = [ObjectId.random() for _ in range(3)]

    async def work():
        waiting = asyncio.ensure_future(store.wait_async(iter(ids), count=2))
        await asyncio.sleep(0)
        store.put(1, ids[0])
        await store.put_async(2, ids[2])
        return await waiting

    assert run(work()) == [True, False, True]
    assert run(store.wait_async(ids, timeout=0.01)) == [True, False, True]
