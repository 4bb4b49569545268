#!/usr/bin/env python3
"""How long mem0 takes to write and to find, without a model: `add(infer=False)` and `search` with
vectors in Qdrant's local mode, in a folder. The embedder is a stand-in that costs next to nothing
(256 numbers by the hashes of the words), so that what is measured is the memory around it. The
turns are thirty made-up words by Zipf's law. Beside it, so that the machine is the same:

    build/release/tests/memory_speed 5000 examples/embedder/token-vectors.gguf
    python3 -m venv .work/mem0-venv && .work/mem0-venv/bin/pip install mem0ai
    .work/mem0-venv/bin/python tests/bench/memory/mem0_speed.py 5000

`memory_speed` prints the same rows for Corvid and for plain FTS5."""
import os
import random
import shutil
import sys
import tempfile
import time
import zlib

DIM = 256
SINGLE = 200


class Embedder:
    """In the place of an embedding model."""

    config = None

    def embed(self, text, memory_action=None):
        values = [0.0] * DIM
        for word in text.split():
            values[zlib.crc32(word.encode()) % DIM] += 1.0
        length = sum(value * value for value in values) ** 0.5 or 1.0
        return [value / length for value in values]

    def embed_batch(self, texts, memory_action=None):
        return [self.embed(text) for text in texts]


def percentiles(what, times):
    """`times`: pairs of seconds by the clock and of the processor."""
    at = [sorted(time[k] for time in times)[len(times) * p // 100] * 1e3
          for k in (0, 1) for p in (50, 95)]
    print("%-38sp50 %.3f ms, p95 %.3f ms (processor %.3f, %.3f)" % (what, *at), flush=True)


def timed(work):
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: mem0_speed.py TURNS (see the head of this file)")
    count = int(sys.argv[1])
    place = tempfile.mkdtemp()
    os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=place, OPENAI_API_KEY="none")
    try:
        from mem0 import Memory
        from mem0.utils.factory import EmbedderFactory
    except ImportError:
        print("SKIP: no mem0ai here: pip install mem0ai")
        return
    EmbedderFactory.create = classmethod(lambda cls, *arguments: Embedder())
    memory = Memory.from_config({
        "vector_store": {"provider": "qdrant", "config": {
            "path": os.path.join(place, "qdrant"), "embedding_model_dims": DIM, "on_disk": True}},
        "history_db_path": os.path.join(place, "history.db")})
    draw = random.Random(7)
    words = ["w%05d" % i for i in range(50000)]
    weights = [1 / (i + 11) for i in range(50000)]
    said = [" ".join(draw.choices(words, weights, k=30)) for _ in range(count)]

    def add(text):
        memory.add([{"role": "user", "content": text}], user_id="u", infer=False)

    print("%-38s%d" % ("turns", count))
    times = [timed(lambda text=text: add(text)) for text in said]
    percentiles("mem0: write", times[-SINGLE:])
    times = [timed(lambda text=text: memory.search(" ".join(text.split()[:5]), top_k=100,
                                                   filters={"user_id": "u"}))
             for text in said[::max(1, count // SINGLE)][:SINGLE]]
    percentiles("mem0: question", times)
    size = sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(place) for name in names)
    print("%-38s%d" % ("mem0: bytes of a turn", size // count))
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
