"""llama.cpp through llama-cpp-python, measured as `corvid model bench --json` measures itself.

    PYTHON peer.py MODEL [-p 512,4096] [-n 64] [-d 0,16384] [-t 2] [-r 3] [--batch 8]
        [--turn 8192,200]

PYTHON is an interpreter that has llama_cpp. Prints one JSON object per row.
"""
import argparse
import ctypes
import json
import sys
import time

import llama_cpp as L

REPLY = 8  # tokens of the last reply that an agent's second turn takes back
silent = L.llama_log_callback(lambda *_: None)  # must outlive all calls


def numbers(text):
    return [int(part) for part in text.split(",") if part]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("-p", type=numbers, default=[512])
    parser.add_argument("-n", type=int, default=64)
    parser.add_argument("-d", type=numbers, default=[0])
    parser.add_argument("-t", type=int, default=2)
    parser.add_argument("-r", type=int, default=3)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--turn", type=numbers, default=[])
    return parser.parse_args()


class Context:
    """Sequence 0 is what a test starts from; the tests themselves use 1 and on."""

    def __init__(self, model, threads, length, sequences):
        params = L.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = length, 2048, 512
        params.n_seq_max, params.kv_unified = sequences, True
        params.n_threads = params.n_threads_batch = threads
        self.handle = L.llama_init_from_model(model, params)
        if not self.handle:
            sys.exit("llama.cpp cannot make a context")
        self.memory = L.llama_get_memory(self.handle)
        self.vocab = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))
        self.batch = L.llama_batch_init(params.n_batch, 0, 1)
        self.n_batch = params.n_batch

    def run(self, rows):
        """Rows of (sequence, position, number of the token, whether logits are wanted)."""
        self.batch.n_tokens = len(rows)
        for i, (sequence, position, token, wanted) in enumerate(rows):
            self.batch.token[i] = (token * 7919 + 13) % self.vocab
            self.batch.pos[i], self.batch.n_seq_id[i] = position, 1
            self.batch.seq_id[i][0], self.batch.logits[i] = sequence, wanted
        if L.llama_decode(self.handle, self.batch) != 0:
            sys.exit("llama_decode failed")
        L.llama_get_logits_ith(self.handle, -1)

    def fill(self, sequence, begin, end, first=None):
        """Positions begin to end; their tokens count from `first`, else from `begin`."""
        first = begin if first is None else first
        for at in range(begin, end, self.n_batch):
            until = min(at + self.n_batch, end)
            self.run([(sequence, i, first + i - begin, i == end - 1) for i in range(at, until)])

    def fork(self, sequence):
        L.llama_memory_seq_rm(self.memory, sequence, -1, -1)
        L.llama_memory_seq_cp(self.memory, 0, sequence, -1, -1)

    def cut(self, sequence, length):
        """False where the state cannot be taken back: the sequence is then empty."""
        if L.llama_memory_seq_rm(self.memory, sequence, length, -1):
            return True
        L.llama_memory_seq_rm(self.memory, sequence, -1, -1)
        return False

    def free(self):
        L.llama_batch_free(self.batch)
        L.llama_free(self.handle)


def row(test, tokens, depth, repeat, prepare, work, **more):
    walls, cpus = [], []
    for _ in range(repeat):
        prepare()
        begin, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - begin)
        cpus.append(time.process_time() - cpu)
    print(json.dumps({"type": "row", "test": test, "tokens": tokens, "depth": depth,
                      "fastest": tokens / min(walls), "cpu_s": min(cpus), **more}), flush=True)


def one_sequence(args, context):
    done = 0
    for depth in sorted(args.d):
        context.fill(0, done, depth)
        done = depth
        for length in args.p:
            row("prefill", length, depth, args.r, lambda: context.fork(1),
                lambda: context.fill(1, depth, depth + length))
        if args.n:
            row("decode", args.n, depth, args.r, lambda: context.fork(1),
                lambda: [context.run([(1, depth + i, i, True)]) for i in range(args.n)])


def turn(args, context):
    kept, new = args.turn
    L.llama_memory_clear(context.memory, True)
    context.fill(0, 0, kept)

    def reply():
        context.fork(1)
        for i in range(kept, kept + REPLY):
            context.run([(1, i, i, True)])

    def go_on():
        cut = context.cut(1, kept)
        context.fill(1, kept if cut else 0, kept + new)

    row("turn", new, kept, 1, reply, go_on)


def together(args, model):
    context = Context(model, args.t, args.batch * (args.n + 8), args.batch)

    def prepare():
        L.llama_memory_clear(context.memory, True)
        for sequence in range(args.batch):
            context.fill(sequence, 0, 1, first=sequence)

    def work():
        for i in range(1, args.n + 1):
            context.run([(s, i, s + i, True) for s in range(args.batch)])

    row("batch", args.n * args.batch, 0, args.r, prepare, work, sequences=args.batch)
    context.free()


def main():
    args = arguments()
    L.llama_log_set(silent, ctypes.c_void_p(0))
    L.llama_backend_init()
    begin = time.perf_counter()
    model = L.llama_model_load_from_file(args.model.encode(), L.llama_model_default_params())
    if not model:
        sys.exit("llama.cpp cannot load " + args.model)
    longest = max([depth + length for depth in args.d for length in args.p + [args.n]] +
                  [sum(args.turn) + REPLY])
    context = Context(model, args.t, longest + 64 + max(args.d + args.turn[:1]), 2)
    context.fill(0, 0, 1)
    first_token = time.perf_counter() - begin
    print(json.dumps({"type": "machine", "first_token_ms": first_token * 1e3,
                      "backend": L.llama_print_system_info().decode()}), flush=True)
    L.llama_memory_clear(context.memory, True)
    one_sequence(args, context)
    if args.turn:
        turn(args, context)
    peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
    context.free()
    if args.batch:
        together(args, model)
    print(json.dumps({"type": "end", "peak_memory_bytes": int(peak.split()[1]) * 1024}))


if __name__ == "__main__":
    main()
