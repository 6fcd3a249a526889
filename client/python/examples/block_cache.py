"""A cache of key/value blocks with prefix lookup, which servers of a language model share between processes.

A sequence of tokens is cut into blocks. The id of a block is the hash of all tokens up to its end, so it stands for a
whole prefix. One call, `exists_many`, finds the known part of a new sequence, without a system call. Blocks that are not
in use are evicted when room is needed.

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
        """The id of each whole block: a hash of all tokens up to its end."""
        digest, ids = hashlib.blake2b(self._seed, digest_size=20), []
        for start in range(0, len(tokens) - BLOCK_TOKENS + 1, BLOCK_TOKENS):
            digest.update(np.asarray(tokens[start:start + BLOCK_TOKENS], np.int32).tobytes())
            ids.append(dolium.ObjectId(digest.digest()))
        return ids

    def known_prefix(self, tokens):
        """The blocks of the longest known prefix, in place and held: [array]."""
        ids = self.block_ids(tokens)
        there = self._client.exists_many(ids)
        count = there.index(False) if False in there else len(there)
        blocks = self._client.get_many(ids[:count])
        # A block may have been evicted between the two calls. Then the prefix ends there.
        return blocks[:next((i for i, block in enumerate(blocks) if block is None), count)]

    def add(self, tokens, compute):
        """Computes the missing blocks. Returns all blocks of the sequence."""
        blocks = self.known_prefix(tokens)
        for number, id in enumerate(self.block_ids(tokens)[len(blocks):], start=len(blocks)):
            try:
                self._client.put(compute(tokens, number), id)
            except dolium.ObjectExists:
                pass  # another server has stored the same block first
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
