"""all-MiniLM-L6-v2 from its weights: WordPiece, six layers, mean over the tokens, unit length."""
import json
import pathlib

import numpy
import tokenizers
import torch
import torch.nn.functional as F

HEADS, LAYERS, EPSILON = 12, 6, 1e-12
KINDS = {"F32": numpy.float32, "F16": numpy.float16, "I64": numpy.int64}


def read_safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    size = int.from_bytes(raw[:8], "little")
    out = {}
    for name, entry in json.loads(raw[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + at for at in entry["data_offsets"])
        values = numpy.frombuffer(raw[begin:end], KINDS[entry["dtype"]]).reshape(entry["shape"])
        out[name] = torch.from_numpy(values.copy())
    return out


class MiniLM:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.w = read_safetensors(folder / "model.safetensors")
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], EPSILON)

    @torch.no_grad()
    def embed_ids(self, ids):
        """ids: lists of one length, with [CLS] and [SEP]. Returns [len(ids), 384]."""
        ids = torch.tensor(ids)
        count, length = ids.shape
        x = (self.w["embeddings.word_embeddings.weight"][ids]
             + self.w["embeddings.position_embeddings.weight"][:length]
             + self.w["embeddings.token_type_embeddings.weight"][0])
        x = self.norm(x, "embeddings.LayerNorm")
        split = lambda t: t.view(count, length, HEADS, -1).transpose(1, 2)
        for layer in range(LAYERS):
            p = f"encoder.layer.{layer}."
            q, k, v = (split(self.linear(x, f"{p}attention.self.{n}")) for n in ("query", "key", "value"))
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(count, length, -1)
            x = self.norm(x + self.linear(mixed, p + "attention.output.dense"), p + "attention.output.LayerNorm")
            inner = F.gelu(self.linear(x, p + "intermediate.dense"))
            x = self.norm(x + self.linear(inner, p + "output.dense"), p + "output.LayerNorm")
        return F.normalize(x.mean(1), dim=-1).numpy()
