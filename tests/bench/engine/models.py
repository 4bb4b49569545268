"""Model files of real shape with random weights, for measuring speed alone.

    python3 models.py FOLDER [NAME ...]     NAME: qwen35-0.8b.Q4_0 and so on; none: all

The weights are random bits with scales of ordinary size, so that activations stay finite. Files
carry no vocabulary. They take 0.4 to 2.7 GB each.
"""
import math
import os
import struct
import sys

F32, Q4_0, Q8_0, Q4_K, Q6_K = 0, 2, 8, 12, 14
BLOCKS = {F32: (1, 4), Q4_0: (32, 18), Q8_0: (32, 34), Q4_K: (256, 144), Q6_K: (256, 210)}
ALIGNMENT = 32
PIECE = 1 << 24  # bytes written at a time


class Writer:
    """Metadata and tensors of one GGUF file; tensor data are made while they are written."""

    def __init__(self, architecture, mix):
        self.architecture, self.mix = architecture, mix
        self.values, self.tensors = [], []
        self.set("general.architecture", architecture)
        self.set("general.name", "random " + architecture)
        self.set("tokenizer.ggml.model", "no_vocab")

    def set(self, key, value):
        self.values.append((key, value))

    def keys(self, **values):
        for name, value in values.items():
            self.set(self.architecture + "." + name.replace("__", "."), value)

    def matrix(self, name, n_in, n_out, *more, better=False, head=False):
        kind = {"Q4_0": Q6_K if head else Q4_0, "Q8_0": Q8_0,
                "Q4_K_M": Q6_K if better or head else Q4_K}[self.mix]
        self.tensors.append((name + ".weight", kind, (n_in, n_out) + more, None))

    def vector(self, name, shape, low, high):
        self.tensors.append((name, F32, shape, (low, high)))

    def norm(self, name, width):
        self.vector(name + ".weight", (width,), 0.9, 1.1)

    def write(self, path):
        with open(path + ".part", "wb") as out:
            out.write(b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.values)))
            for key, value in self.values:
                out.write(text(key) + typed(value))
            offset = 0
            for name, kind, shape, _ in self.tensors:
                out.write(text(name) + struct.pack("<I", len(shape)))
                out.write(struct.pack("<%dQ" % len(shape), *shape))
                out.write(struct.pack("<IQ", kind, offset))
                offset += size_of(kind, shape) + -size_of(kind, shape) % ALIGNMENT
            out.write(b"\0" * (-out.tell() % ALIGNMENT))
            for _, kind, shape, bounds in self.tensors:
                write_data(out, kind, shape, bounds)
                out.write(b"\0" * (-out.tell() % ALIGNMENT))
        os.replace(path + ".part", path)


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def typed(value):
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack("<%di" % len(value), *value)
    return struct.pack("<II", 4, value)


def size_of(kind, shape):
    elements, size = BLOCKS[kind]
    return math.prod(shape) // elements * size


def half(value):
    return struct.pack("<e", value)


def write_data(out, kind, shape, bounds):
    if kind == F32:
        count, (low, high) = math.prod(shape), bounds or (-0.02, 0.02)
        raw = os.urandom(count)
        out.write(struct.pack("<%df" % count, *(low + (high - low) * b / 255 for b in raw)))
        return
    block = BLOCKS[kind][1]
    deviation = 1 / math.sqrt(shape[0])  # of a weight
    halves = {Q4_0: [(0, deviation / 4.6)], Q8_0: [(0, deviation / 74)],
              Q4_K: [(0, deviation / 143), (2, deviation / 143 * 7.5)],
              Q6_K: [(208, deviation / 1370)]}[kind]
    left = size_of(kind, shape)
    while left > 0:
        count = min(left, PIECE // block * block)
        piece = bytearray(os.urandom(count))
        for at, value in halves:
            for i, byte in enumerate(half(value)):
                piece[at + i::block] = bytes([byte]) * (count // block)
        out.write(piece)
        left -= count


def attention(w, block, dim, heads, kv_heads, width, gated):
    w.matrix(block + "attn_q", dim, heads * width * (2 if gated else 1))
    w.matrix(block + "attn_k", dim, kv_heads * width)
    w.matrix(block + "attn_v", dim, kv_heads * width, better=True)
    w.matrix(block + "attn_output", heads * width, dim)
    if gated:
        w.norm(block + "attn_q_norm", width)
        w.norm(block + "attn_k_norm", width)


def delta(w, block, dim, heads, width):
    inner = heads * width
    w.matrix(block + "attn_qkv", dim, 3 * inner)
    w.matrix(block + "attn_gate", dim, inner)
    w.matrix(block + "ssm_out", inner, dim)
    for name in ("ssm_alpha", "ssm_beta"):
        w.vector(block + name + ".weight", (dim, heads), -0.03, 0.03)
    w.vector(block + "ssm_conv1d.weight", (4, 3 * inner), -0.5, 0.5)
    w.vector(block + "ssm_a", (heads,), -4.0, -0.5)
    w.vector(block + "ssm_dt.bias", (heads,), -4.0, -1.0)
    w.norm(block + "ssm_norm", width)


def qwen(mix, dim, hidden, blocks, experts, vocab):
    w = Writer("qwen35moe" if experts else "qwen35", mix)
    w.keys(context_length=65536, embedding_length=dim, block_count=blocks,
           attention__layer_norm_rms_epsilon=1e-6, attention__head_count=8,
           attention__head_count_kv=2, attention__key_length=256, attention__value_length=256,
           rope__dimension_count=64, rope__freq_base=1e7,
           rope__dimension_sections=[11, 11, 10, 0], ssm__conv_kernel=4, ssm__state_size=128,
           ssm__group_count=16, ssm__time_step_rank=16, ssm__inner_size=2048,
           full_attention_interval=4, feed_forward_length=hidden, vocab_size=vocab)
    if experts:
        w.keys(expert_count=experts, expert_used_count=8, expert_feed_forward_length=hidden,
               expert_shared_feed_forward_length=hidden)
    w.matrix("token_embd", dim, vocab, head=True)
    w.norm("output_norm", dim)
    for i in range(blocks):
        block = "blk.%d." % i
        w.norm(block + "attn_norm", dim)
        w.norm(block + "post_attention_norm", dim)
        if i % 4 == 3:
            attention(w, block, dim, 8, 2, 256, True)
        else:
            delta(w, block, dim, 16, 128)
        better = i % 2 == 1  # as the mix has it for about half of the blocks
        if not experts:
            w.matrix(block + "ffn_gate", dim, hidden)
            w.matrix(block + "ffn_up", dim, hidden)
            w.matrix(block + "ffn_down", hidden, dim, better=better)
            continue
        w.vector(block + "ffn_gate_inp.weight", (dim, experts), -0.05, 0.05)
        w.vector(block + "ffn_gate_inp_shexp.weight", (dim,), -0.05, 0.05)
        for suffix, more in (("_exps", (experts,)), ("_shexp", ())):
            w.matrix(block + "ffn_gate" + suffix, dim, hidden, *more)
            w.matrix(block + "ffn_up" + suffix, dim, hidden, *more)
            w.matrix(block + "ffn_down" + suffix, hidden, dim, *more, better=better)
    return w


def nemotron(mix):
    dim, inner, groups, state, heads, hidden, vocab = 2048, 4096, 8, 128, 64, 8192, 131072
    layers = "M-M-M-A-M-M-M-"
    w = Writer("nemotron_h", mix)
    w.keys(context_length=65536, embedding_length=dim, block_count=len(layers),
           attention__layer_norm_rms_epsilon=1e-5, attention__layer_norm_epsilon=1e-5,
           vocab_size=vocab, attention__head_count=32,
           attention__head_count_kv=[2 if kind == "A" else 0 for kind in layers],
           attention__key_length=128, attention__value_length=128, rope__dimension_count=128,
           ssm__conv_kernel=4, ssm__state_size=state, ssm__group_count=groups,
           ssm__inner_size=inner, ssm__time_step_rank=heads,
           feed_forward_length=[hidden if kind == "-" else 0 for kind in layers])
    w.matrix("token_embd", dim, vocab)
    w.matrix("output", dim, vocab, head=True)
    w.norm("output_norm", dim)
    for i, kind in enumerate(layers):
        block = "blk.%d." % i
        w.norm(block + "attn_norm", dim)
        if kind == "A":
            attention(w, block, dim, 32, 2, 128, False)
        elif kind == "-":
            w.matrix(block + "ffn_up", dim, hidden)
            w.matrix(block + "ffn_down", hidden, dim, better=i % 4 == 1)
        else:
            conv = inner + 2 * groups * state
            w.matrix(block + "ssm_in", dim, inner + conv + heads)
            w.matrix(block + "ssm_out", inner, dim)
            w.vector(block + "ssm_conv1d.weight", (4, conv), -0.5, 0.5)
            w.vector(block + "ssm_conv1d.bias", (conv,), -0.1, 0.1)
            w.vector(block + "ssm_a", (1, heads), -4.0, -0.5)
            w.vector(block + "ssm_d", (1, heads), 0.5, 1.0)
            w.vector(block + "ssm_dt.bias", (heads,), -4.0, -1.0)
            w.vector(block + "ssm_norm.weight", (inner // groups, groups), 0.9, 1.1)
    return w


SHAPES = {"qwen35-0.8b": lambda mix: qwen(mix, 1024, 3584, 24, 0, 248320),
          "nemotron_h-1b": nemotron,
          "qwen35moe-2.5b": lambda mix: qwen(mix, 1024, 512, 20, 64, 248320)}
NAMES = [shape + "." + mix for shape in SHAPES for mix in ("Q4_0", "Q4_K_M", "Q8_0")]


def make(folder, name):
    """The path of the file, which is made unless it is there."""
    path = os.path.join(folder, name + ".gguf")
    if not os.path.exists(path):
        shape, mix = name.rsplit(".", 1)
        SHAPES[shape](mix).write(path)
    return path


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for each in sys.argv[2:] or NAMES:
        print(make(sys.argv[1], each))
