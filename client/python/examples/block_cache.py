"""A cache of key/value blocks with prefix lookup, as servers of language models share them between processes.

A sequence of tokens is cut into blocks; a block's id is the hash of all tokens up to its end, so that an id stands for
a whole prefix. How much of a new sequence is known is one call, `exists_many`, without a system call. Blocks that
nobody uses are evicted when room is needed.

    python block_cache.py
"""

import hashlib

import dolium
import numpy as np

BLOCK_TOKENS = 16
BLOCK_SHAPE = (2, 8, BLOCK_TOKENS, 64)  # keys and values, heads, tokens, dimensions


class BlockCache:
    def __init__(self, client, model):
        self._client, self._seed = client, model.encode()

    def block_ids(self, tokens):
        """An id for each whole block, of all tokens up to its end."""
        digest, ids = hashlib.blake2b(self._seed, digest_size=20), []
        for start in range(0, len(tokens) - BLOCK_TOKENS + 1, BLOCK_TOKENS):
            digest.update(np.asarray(tokens[start:start + BLOCK_TOKENS], np.int32).tobytes())
            ids.append(dolium.ObjectId(digest.digest()))
        return ids

    def known_prefix(self, tokens):
        """The blocks of the longest prefix that is there, in place and held: [array]."""
        ids = self.block_ids(tokens)
        there = self._client.exists_many(ids)
        count = there.index(False) if False in there else len(there)
        blocks = self._client.get_many(ids[:count])
        # Between the two calls one may have been evicted: the prefix ends there.
        return blocks[:next((i for i, block in enumerate(blocks) if block is None), count)]

    def add(self, tokens, compute):
        """Computes what is missing; all blocks of the sequence."""
        blocks = self.known_prefix(tokens)
        for number, id in enumerate(self.block_ids(tokens)[len(blocks):], start=len(blocks)):
            try:
                self._client.put(compute(tokens, number), id)
            except dolium.ObjectExists:
                pass  # another server was quicker, with the same block
            blocks.append(self._client.get(id, timeout=5))
        return blocks


def main():
    computed = []

    def compute(tokens, number):
        computed.append(number)
        return np.full(BLOCK_SHAPE, tokens[number * BLOCK_TOKENS], np.float16)

    with dolium.start_store("256MiB") as path, dolium.Client(path) as one, dolium.Client(path) as two:
        prompt = list(range(1000, 1000 + 10 * BLOCK_TOKENS))
        BlockCache(one, "model-a").add(prompt, compute)
        assert len(computed) == 10

        question = prompt[:6 * BLOCK_TOKENS] + list(range(5 * BLOCK_TOKENS))
        other = BlockCache(two, "model-a")
        assert len(other.known_prefix(question)) == 6
        blocks = other.add(question, compute)
        assert len(blocks) == 11 and len(computed) == 15 and blocks[2][0, 0, 0, 0] == prompt[2 * BLOCK_TOKENS]
        assert BlockCache(two, "model-b").known_prefix(prompt) == []
        assert other.known_prefix([1] + prompt) == []
        print(f"15 blocks computed for 21 wanted; {one.stats().total_objects} stored, {two!r}")


if __name__ == "__main__":
    main()
