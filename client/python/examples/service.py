"""An asyncio service. Clients send ids over a socket; the service waits for the objects and answers with their sums. A
second task follows the events of the store. One process, one thread, non-blocking.

    python service.py
"""

import asyncio
import collections
import os
import tempfile

import dolium
import numpy as np


class Service:
    def __init__(self, store):
        self._store = store
        self.seen = collections.Counter()

    async def answer(self, reader, writer):
        """Reads a line with an id. Answers with a line: the sum of that array, as soon as it is sealed."""
        async for line in reader:
            try:
                array = await self._store.get_async(dolium.ObjectId(line.decode().strip()), timeout=30)
                writer.write(f"{array.sum():.1f}\n".encode())
            except dolium.DoliumError as error:
                writer.write(f"error: {error}\n".encode())
            await writer.drain()
        writer.close()

    async def follow(self):
        async for event in self._store.subscribe():
            self.seen[event.kind] += 1


async def ask(path, id):
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(f"{id}\n".encode())
    answer = await reader.readline()
    writer.close()
    return answer.decode().strip()


async def run(socket_path, store_path):
    with dolium.Client(store_path, name="service") as store, dolium.Client(store_path, name="producer") as producer:
        service = Service(store)
        following = asyncio.ensure_future(service.follow())
        async with await asyncio.start_unix_server(service.answer, socket_path):
            ids = [dolium.ObjectId.from_name(f"array {i}") for i in range(20)]
            questions = [asyncio.ensure_future(ask(socket_path, id)) for id in ids]
            while producer.stats().waiting_gets < len(ids):
                await asyncio.sleep(0.001)
            for i, id in enumerate(ids):
                await producer.put_async(np.full(1000, float(i)), id)
            answers = await asyncio.wait_for(asyncio.gather(*questions), 30)
        assert answers == [f"{1000.0 * i:.1f}" for i in range(20)], answers
        while service.seen["sealed"] < len(ids):
            await asyncio.sleep(0.001)
        following.cancel()
        print(f"{len(answers)} answers, the last {answers[-1]}; {dict(service.seen)}")


def main():
    with dolium.start_store("64MiB") as store_path, tempfile.TemporaryDirectory() as folder:
        asyncio.run(asyncio.wait_for(run(os.path.join(folder, "service.sock"), store_path), 60))


if __name__ == "__main__":
    main()
