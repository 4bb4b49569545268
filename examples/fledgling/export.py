"""Writes Fledgling's GGUF from a checkpoint and checks the file against the network.

    python3 export.py [--checkpoint FILE] [--work DIR] [--out FILE] [--golden FILE] [--samples FILE]

Matrices are F16; norms, convolutions and vectors F32. The written file is read back, evaluated by a plain float64 pass
that knows nothing of model.py, and must give the checkpoint's logits within 6e-2 (what F16 costs). golden.json holds two
token sequences with the eight largest logits at their last position, of that float64 pass over the file's own weights.
--samples writes rendered trajectories with their tokens, for the test of the product's template and tokenizer.
"""

import argparse
import json
import pathlib
import random

import gguf
import numpy
import torch

import tokenizer
import trajectories
from model import Config, Fledgling

HERE = pathlib.Path(__file__).resolve().parent
CHECKPOINT = HERE.parent.parent / ".work" / "checkpoints" / "fledgling.pt"
ARCHITECTURE = "gated-deltanet2"
CONTROL, USER_DEFINED, UNUSED, NORMAL = 3, 4, 5, 1


def tensors_of(model):
    """(GGUF name, float32 array, as F16) of every tensor."""
    array = lambda p: p.detach().float().numpy()
    yield "token_embd.weight", array(model.token_embd), True
    yield "output_norm.weight", array(model.output_norm), False
    for i, block in enumerate(model.blocks):
        prefix = f"blk.{i}."
        for name in ("attn_norm", "ffn_norm"):
            yield f"{prefix}{name}.weight", array(getattr(block, name)), False
        for name in ("ffn_gate", "ffn_up", "ffn_down"):
            yield f"{prefix}{name}.weight", array(getattr(block, name).weight), True
        mixer = block.mixer
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"{prefix}{name}.weight", array(getattr(mixer, name).weight), True
        if not model.c.recurrent[i]:
            continue
        for name in ("ssm_beta", "ssm_write", "ssm_f_a", "ssm_f_b", "ssm_g_a", "ssm_g_b"):
            yield f"{prefix}{name}.weight", array(getattr(mixer, name).weight), True
        yield f"{prefix}ssm_g_b.bias", array(mixer.ssm_g_b.bias), False
        yield f"{prefix}ssm_dt.bias", array(mixer.ssm_dt), False
        yield f"{prefix}ssm_a", -numpy.exp(array(mixer.a_log)), False
        yield f"{prefix}ssm_norm.weight", array(mixer.ssm_norm), False
        for which, conv in zip("qkv", array(mixer.conv)):
            yield f"{prefix}ssm_conv1d_{which}.weight", conv, False


def write(model, work, path):
    c, a = model.c, ARCHITECTURE
    writer = gguf.GGUFWriter(path, a)
    writer.add_name("Fledgling")
    writer.add_description("Corvid's default model: drives its loop and re-ranks one-line repairs of Python. See MODEL_CARD.md.")
    writer.add_license("MIT")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_uint32(f"{a}.block_count", len(c.recurrent))
    writer.add_uint32(f"{a}.context_length", c.context)
    writer.add_uint32(f"{a}.embedding_length", c.width)
    writer.add_uint32(f"{a}.feed_forward_length", c.feed_forward)
    writer.add_float32(f"{a}.attention.layer_norm_rms_epsilon", c.epsilon)
    writer.add_array(f"{a}.attention.recurrent_layers", list(c.recurrent))
    heads = [0 if r else c.attention_heads for r in c.recurrent]
    writer.add_array(f"{a}.attention.head_count", heads)
    writer.add_array(f"{a}.attention.head_count_kv", heads)
    writer.add_uint32(f"{a}.attention.key_length", c.attention_width)
    writer.add_uint32(f"{a}.attention.value_length", c.attention_width)
    writer.add_uint32(f"{a}.rope.dimension_count", c.rope)
    writer.add_float32(f"{a}.rope.freq_base", c.rope_base)
    writer.add_uint32(f"{a}.ssm.conv_kernel", c.kernel)
    writer.add_uint32(f"{a}.ssm.state_size", c.head_width)
    writer.add_uint32(f"{a}.ssm.group_count", c.heads)
    writer.add_uint32(f"{a}.ssm.time_step_rank", c.heads)
    writer.add_uint32(f"{a}.ssm.inner_size", c.heads * c.head_width)
    writer.add_bool(f"{a}.gdn2.allow_neg_eigval", False)
    writer.add_float32(f"{a}.gdn2.decay_lower_bound", c.decay_bound)
    writer.add_string(f"{a}.gdn2.output_gate", "silu")
    learned = json.loads((pathlib.Path(work) / "tokenizer.json").read_text())["model"]
    tokens = sorted(learned["vocab"], key=learned["vocab"].get)
    types = [USER_DEFINED if t in ("<tool_call>", "</tool_call>") else CONTROL if t in tokenizer.SPECIAL
             else UNUSED if t.startswith("<|unused_") else NORMAL for t in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in learned["merges"]])
    writer.add_eos_token_id(tokenizer.IM_END)
    writer.add_pad_token_id(tokenizer.END_OF_TEXT)
    writer.add_add_bos_token(False)
    writer.add_chat_template((HERE / "template.jinja").read_text().rstrip("\n"))
    writer.add_string("corvid.profile", json.dumps(trajectories.PROFILE))
    writer.add_float32("general.sampling.temp", 0.0)
    for name, values, half in tensors_of(model):
        writer.add_tensor(name, values.astype(numpy.float16 if half else numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Reader:
    """A written file, evaluated token by token in float64 from its tensors and keys alone."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.w = {t.name: t.data.astype(numpy.float64) for t in reader.tensors}
        self.key = lambda name: reader.fields[f"{ARCHITECTURE}.{name}"].contents()

    def rms(self, x, name):
        return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + self.key("attention.layer_norm_rms_epsilon")) * self.w[name]

    def logits(self, ids):
        """[T, vocabulary]"""
        x = self.w["token_embd.weight"][ids]
        for i, recurrent in enumerate(self.key("attention.recurrent_layers")):
            p = f"blk.{i}."
            u = self.rms(x, p + "attn_norm.weight")
            x = x + (self.delta(u, p) if recurrent else self.attention(u, p))
            u = self.rms(x, p + "ffn_norm.weight")
            gate = u @ self.w[p + "ffn_gate.weight"].T
            x = x + (silu(gate) * (u @ self.w[p + "ffn_up.weight"].T)) @ self.w[p + "ffn_down.weight"].T
        return self.rms(x, "output_norm.weight") @ self.w["token_embd.weight"].T

    def delta(self, u, p):
        w, heads = self.w, self.key("ssm.group_count")
        width, taps = self.key("ssm.state_size"), self.key("ssm.conv_kernel")
        split = lambda t: t.reshape(len(u), heads, -1)

        def convolved(which):
            t = numpy.pad(u @ w[f"{p}attn_{which}.weight"].T, ((taps - 1, 0), (0, 0)))
            kernel = w[f"{p}ssm_conv1d_{which}.weight"]
            return split(silu(sum(t[j:j + len(u)] * kernel[:, j] for j in range(taps))))

        q, k, v = (convolved(n) for n in "qkv")
        q, k = (t / numpy.sqrt((t * t).sum(-1, keepdims=True) + 1e-6) for t in (q, k))
        f = split(u @ w[p + "ssm_f_a.weight"].T @ w[p + "ssm_f_b.weight"].T + w[p + "ssm_dt.bias"])
        g = self.key("gdn2.decay_lower_bound") * sigmoid(-w[p + "ssm_a"][:, None] * f)
        b, write_gate = (split(sigmoid(u @ w[f"{p}ssm_{n}.weight"].T)) for n in ("beta", "write"))
        state, out = numpy.zeros((heads, width, v.shape[-1])), numpy.empty_like(v)
        for t in range(len(u)):
            state *= numpy.exp(g[t])[..., None]
            read = numpy.einsum("hkv,hk->hv", state, b[t] * k[t])
            state += k[t][..., None] * (write_gate[t] * v[t] - read)[:, None]
            out[t] = numpy.einsum("hkv,hk->hv", state, q[t]) * width ** -0.5
        gate = u @ w[p + "ssm_g_a.weight"].T @ w[p + "ssm_g_b.weight"].T + w[p + "ssm_g_b.bias"]
        return (self.rms(out, p + "ssm_norm.weight").reshape(len(u), -1) * silu(gate)) @ w[p + "attn_output.weight"].T

    def attention(self, u, p):
        heads = max(self.key("attention.head_count"))
        q, k, v = ((u @ self.w[f"{p}attn_{n}.weight"].T).reshape(len(u), heads, -1).transpose(1, 0, 2) for n in "qkv")
        q, k = self.rotate(q), self.rotate(k)
        scores = q @ k.transpose(0, 2, 1) * q.shape[-1] ** -0.5
        scores[:, numpy.triu(numpy.ones((len(u), len(u)), bool), 1)] = -numpy.inf
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        o = scores / scores.sum(-1, keepdims=True) @ v
        return o.transpose(1, 0, 2).reshape(len(u), -1) @ self.w[p + "attn_output.weight"].T

    def rotate(self, x):
        n = self.key("rope.dimension_count")
        half = n // 2
        angle = numpy.arange(x.shape[1])[:, None] * self.key("rope.freq_base") ** (-numpy.arange(half) * 2.0 / max(n, 1))
        cos, sin = numpy.cos(angle), numpy.sin(angle)
        a, b = x[..., :half], x[..., half:n]
        return numpy.concatenate([a * cos - b * sin, b * cos + a * sin, x[..., n:]], -1)


def silu(x):
    return x * sigmoid(x)


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def load(path, averaged=True):
    """The network of a checkpoint (its moving average), and the checkpoint's counters."""
    state = torch.load(path, weights_only=False)
    model = Fledgling(Config(**state["config"]))
    model.load_state_dict(state["average"] if averaged else state["model"])
    return model.eval(), state["counters"]


def samples(codec, work, count):
    """Rendered trajectories with their tokens: {messages, tools, text, tokens}, messages as chat templates take them."""
    made = trajectories.trajectories(work, "network", random.Random(7))
    for _ in range(count):
        one = trajectories.shortened(next(made), random.Random(3))
        pieces = trajectories.rendered(one["messages"], trajectories.PROFILE["tools"])
        messages = []
        for m in one["messages"]:
            message = {"role": m["role"], "content": m["content"]}
            if "calls" in m:
                message["tool_calls"] = [{"type": "function", "function": c} for c in m["calls"]]
            messages.append(message)
        yield {"messages": messages, "tools": trajectories.PROFILE["tools"], "text": "".join(t for t, _ in pieces),
               "tokens": trajectories.encode(codec, pieces)[0]}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=tokenizer.DEFAULT_WORK)
    arguments.add_argument("--checkpoint", type=pathlib.Path, default=CHECKPOINT)
    arguments.add_argument("--out", type=pathlib.Path, default=HERE / "fledgling.gguf")
    arguments.add_argument("--golden", type=pathlib.Path, default=HERE / "golden.json")
    arguments.add_argument("--samples", type=pathlib.Path)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    model, counters = load(options.checkpoint)
    part = options.out.with_suffix(".part")
    write(model, options.work, part)
    reader, codec = Reader(part), tokenizer.Codec(options.work)
    texts = ["<|im_start|>system\n" + trajectories.PROFILE["system"] + "\nTools: shell, finish<|im_end|>\n<|im_start|>assistant\n<tool_call>\n",
             "def add(a, b):\n    return a - b\n<|edit|>def add(a, b):\n    return a - b\n"]
    golden, worst = [], 0.0
    for text in texts:
        ids = codec.parsed(text)
        exact = reader.logits(ids)
        with torch.no_grad():
            ours = model.logits(model.hidden(torch.tensor([ids])))[0].numpy()
        worst = max(worst, abs(exact - ours).max())
        best = numpy.argsort(-exact[-1])[:8]
        golden.append({"text": text, "tokens": ids, "top": [[int(i), round(float(exact[-1][i]), 5)] for i in best]})
    print(f"{options.out.name}: {part.stat().st_size} bytes, {sum(p.numel() for p in model.parameters())} parameters, "
          f"{counters['tokens']} tokens seen, largest difference to the checkpoint {worst:.4f}")
    if worst > 6e-2:
        raise SystemExit("the file does not give the checkpoint's logits")
    part.replace(options.out)
    options.golden.write_text(json.dumps(golden, indent=1) + "\n")
    if options.samples:
        options.samples.write_text("".join(json.dumps(s) + "\n" for s in samples(codec, options.work, 12)))


if __name__ == "__main__":
    main()
