"""Fledgling's network: a `gated-deltanet2` hybrid, exactly as the GGUF architecture of that name defines it.

Blocks: x += mixer(rms(x)); x += SwiGLU(rms(x)). Three delta-rule blocks (Gated DeltaNet-2, arXiv 2605.22791) to one of
full causal attention, whose heads rotate only their first `rope` dimensions (NEOX). Embedding and head are one matrix.
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass
class Config:
    vocabulary: int = 4096
    width: int = 128
    feed_forward: int = 256
    recurrent: tuple = (True, True, True, False)
    heads: int = 2            # of delta blocks, key and value heads alike
    head_width: int = 64      # dk = dv
    kernel: int = 4
    attention_heads: int = 4
    attention_width: int = 32
    rope: int = 2
    rope_base: float = 10000.0
    decay_bound: float = -2.5
    chunk: int = 32
    epsilon: float = 1e-5
    context: int = 4096
    spread: float = 0.5       # of the embeddings at the start; larger than what early steps add to the stream


def rms(x, weight, epsilon):
    return F.rms_norm(x.float(), (x.shape[-1],), weight, epsilon)


def unit_lower_inverse(strict):
    """(I + strict)^-1 for strictly lower triangular [..., n, n], n a power of two of at least 16."""
    n = strict.shape[-1]
    if n == 16:
        eye = torch.eye(16, dtype=strict.dtype)
        power = strict @ strict
        inverse = (eye - strict) @ (eye + power)
        power = power @ power
        inverse = inverse @ (eye + power)
        return inverse @ (eye + power @ power)
    h = n // 2
    diagonal = torch.stack([strict[..., :h, :h], strict[..., h:, h:]])
    upper, lower = unit_lower_inverse(diagonal)
    corner = -(lower @ strict[..., h:, :h] @ upper)
    return torch.cat([torch.cat([upper, torch.zeros_like(upper)], -1), torch.cat([corner, lower], -1)], -2)


def delta_chunked(q, k, v, g, b, w, chunk):
    """Gated delta rule over [B, H, T, d], T a multiple of `chunk`, zero initial state; returns [B, H, T, dv], float32.

    q, k are normalised, g is the log decay per channel (g >= -80 / chunk), b the erase gate, w the write gate.
    S <- diag(e^g) S; S <- S + k (w * v - S^T (b * k))^T; o = S^T q / sqrt(dk).
    """
    batch, heads, length, dk = q.shape
    parts = length // chunk
    q, k, v, g, b, w = (t.float().reshape(batch, heads, parts, chunk, -1) for t in (q, k, v, g, b, w))
    total = g.cumsum(-2)
    middle = total[..., chunk // 2 - 1:chunk // 2, :]
    last = total[..., -1:, :]
    up, down = torch.exp(total - middle), torch.exp(middle - total)
    q = q * dk ** -0.5
    keys = (k * down).transpose(-1, -2)
    mask = torch.ones(chunk, chunk).tril(-1)
    inverse = unit_lower_inverse((b * k * up) @ keys * mask)
    scores = (q * up) @ keys * (mask + torch.eye(chunk))
    from_start = torch.exp(total)
    value, erase = (inverse @ torch.cat([w * v, b * k * from_start], -1)).split([v.shape[-1], dk], -1)
    reads = (q * from_start)
    writes = (k * torch.exp(last - total)).transpose(-1, -2)
    fade = torch.exp(last).transpose(-1, -2)
    # One product per chunk: rows are the erase vectors and the queries.
    left = torch.cat([-erase, reads], -2)
    state, news, outs = None, [], []
    for i in range(parts):
        new, out = value[:, :, i], None
        if state is not None:
            change, out = (left[:, :, i] @ state).split(chunk, -2)
            new = new + change
            state = torch.addcmul(writes[:, :, i] @ new, fade[:, :, i], state)
        else:
            state = writes[:, :, i] @ new
            out = torch.zeros_like(new)
        news.append(new)
        outs.append(out)
    result = torch.stack(outs, 2) + scores @ torch.stack(news, 2)
    return result.reshape(batch, heads, length, -1)


def delta_stepwise(q, k, v, g, b, w):
    """The plain recurrence that delta_chunked must equal."""
    state = q.new_zeros(*q.shape[:2], q.shape[-1], v.shape[-1])
    outs = []
    for t in range(q.shape[2]):
        state = state * torch.exp(g[:, :, t]).unsqueeze(-1)
        read = torch.einsum("bhkv,bhk->bhv", state, b[:, :, t] * k[:, :, t])
        state = state + k[:, :, t].unsqueeze(-1) * (w[:, :, t] * v[:, :, t] - read).unsqueeze(-2)
        outs.append(torch.einsum("bhkv,bhk->bhv", state, q[:, :, t]) * q.shape[-1] ** -0.5)
    return torch.stack(outs, 2)


class Delta(nn.Module):
    """The delta-rule mixer. Parameter names follow the GGUF tensors."""

    def __init__(self, c):
        super().__init__()
        inner = c.heads * c.head_width
        self.c = c
        for name in ("attn_q", "attn_k", "attn_v", "ssm_beta", "ssm_write"):
            setattr(self, name, nn.Linear(c.width, inner, bias=False))
        self.ssm_f_a = nn.Linear(c.width, c.head_width, bias=False)
        self.ssm_f_b = nn.Linear(c.head_width, inner, bias=False)
        self.ssm_g_a = nn.Linear(c.width, c.head_width, bias=False)
        self.ssm_g_b = nn.Linear(c.head_width, inner)
        self.conv = nn.Parameter(torch.randn(3, inner, c.kernel) * 0.3)     # q, k, v; the last tap is the current token
        self.ssm_dt = nn.Parameter(torch.linspace(-6.0, -1.0, c.head_width).repeat(c.heads))
        self.a_log = nn.Parameter(torch.zeros(c.heads))
        self.ssm_norm = nn.Parameter(torch.ones(c.head_width))
        self.attn_output = nn.Linear(inner, c.width, bias=False)
        with torch.no_grad():
            self.conv[:, :, -1] += 1.0
            nn.init.zeros_(self.ssm_g_b.bias)

    def forward(self, x, stepwise=False):
        c = self.c
        batch, length, _ = x.shape
        inner = c.heads * c.head_width
        qkv = F.linear(x, torch.cat([self.attn_q.weight, self.attn_k.weight, self.attn_v.weight]))
        qkv = F.pad(qkv.float().transpose(1, 2), (c.kernel - 1, 0))
        qkv = F.silu(F.conv1d(qkv, self.conv.view(3 * inner, 1, c.kernel), groups=3 * inner)).transpose(1, 2)
        b, w = torch.sigmoid(F.linear(x, torch.cat([self.ssm_beta.weight, self.ssm_write.weight])).float()).chunk(2, -1)
        f = self.ssm_f_b(self.ssm_f_a(x)).float() + self.ssm_dt
        split = lambda t: t.reshape(batch, length, c.heads, c.head_width).transpose(1, 2)
        g = c.decay_bound * torch.sigmoid(split(f) * self.a_log.exp().view(-1, 1, 1))
        q, k, v = (split(t) for t in qkv.chunk(3, -1))
        q, k = (t * torch.rsqrt(t.square().sum(-1, keepdim=True) + 1e-6) for t in (q, k))
        b, w = split(b), split(w)
        with torch.autocast("cpu", enabled=False):
            if stepwise:
                o = delta_stepwise(q, k, v, g, b, w)
            else:
                o = delta_chunked(q, k, v, g, b, w, c.chunk)
        gate = F.silu(self.ssm_g_b(self.ssm_g_a(x)).float())
        o = rms(o, self.ssm_norm, c.epsilon).transpose(1, 2).reshape(batch, length, inner) * gate
        return self.attn_output(o)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        inner = c.attention_heads * c.attention_width
        self.c = c
        for name in ("attn_q", "attn_k", "attn_v"):
            setattr(self, name, nn.Linear(c.width, inner, bias=False))
        self.attn_output = nn.Linear(inner, c.width, bias=False)

    def forward(self, x, stepwise=False):
        c = self.c
        batch, length, _ = x.shape
        qkv = F.linear(x, torch.cat([self.attn_q.weight, self.attn_k.weight, self.attn_v.weight]))
        q, k, v = qkv.reshape(batch, length, 3, c.attention_heads, c.attention_width).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, c), rotate(k, c)
        o = F.scaled_dot_product_attention(q, k, v.to(q.dtype), is_causal=True)
        return self.attn_output(o.transpose(1, 2).reshape(batch, length, -1))


def rotate(x, c):
    """NEOX rotation of the first c.rope dimensions of [B, H, T, d]."""
    half = c.rope // 2
    angle = torch.arange(x.shape[2]).float()[:, None] * c.rope_base ** (-torch.arange(half).float() * 2 / max(c.rope, 1))
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b, rest = x[..., :half], x[..., half:c.rope], x[..., c.rope:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)


class Block(nn.Module):
    def __init__(self, c, recurrent):
        super().__init__()
        self.c = c
        self.attn_norm = nn.Parameter(torch.ones(c.width))
        self.mixer = Delta(c) if recurrent else Attention(c)
        self.ffn_norm = nn.Parameter(torch.ones(c.width))
        self.ffn_gate = nn.Linear(c.width, c.feed_forward, bias=False)
        self.ffn_up = nn.Linear(c.width, c.feed_forward, bias=False)
        self.ffn_down = nn.Linear(c.feed_forward, c.width, bias=False)

    def forward(self, x, stepwise=False):
        x = x + self.mixer(rms(x, self.attn_norm, self.c.epsilon), stepwise).float()
        u = rms(x, self.ffn_norm, self.c.epsilon)
        gate, up = F.linear(u, torch.cat([self.ffn_gate.weight, self.ffn_up.weight])).chunk(2, -1)
        return x + self.ffn_down(F.silu(gate) * up).float()


class Fledgling(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.token_embd = nn.Parameter(torch.randn(c.vocabulary, c.width) * c.spread)
        self.blocks = nn.ModuleList(Block(c, r) for r in c.recurrent)
        self.output_norm = nn.Parameter(torch.full((c.width,), 0.06 / c.spread))
        for name, p in self.named_parameters():
            if name.endswith("weight") and p.dim() == 2:
                nn.init.normal_(p, std=p.shape[1] ** -0.5)
                if "attn_output" in name or "ffn_down" in name:
                    nn.init.zeros_(p)
        if c.width == c.heads * c.head_width == c.attention_heads * c.attention_width and not c.recurrent[-1]:
            self.start_copying()

    @torch.no_grad()
    def start_copying(self):
        """Starts the network with the circuit that copies: the first block adds the token before to each place, and the
        attention looks for places whose token before is the current one, and adds what stands there."""
        width = self.c.width
        turn = lambda: nn.init.orthogonal_(torch.empty(width, width))
        shift, attention = self.blocks[0].mixer, self.blocks[-1].mixer
        value, out, look, carry = turn(), turn(), turn(), turn()
        shift.attn_v.weight.copy_(value)
        shift.attn_k.weight.copy_(shift.attn_q.weight)
        shift.conv[1] = shift.conv[0]
        shift.conv[2] = 0.0
        shift.conv[2, :, -2] = 1.0
        shift.ssm_dt.fill_(4.0)
        shift.ssm_f_b.weight.mul_(0.2)
        shift.ssm_g_b.weight.mul_(0.2)
        shift.ssm_g_b.bias.fill_(2.0)
        shift.attn_output.weight.copy_(0.67 * self.c.spread * out)
        attention.attn_q.weight.copy_(2.0 * look)
        attention.attn_k.weight.copy_(2.0 * look @ value.T @ out.T)
        attention.attn_v.weight.copy_(carry)
        attention.attn_output.weight.copy_(8.0 * self.c.spread * carry.T)

    def hidden(self, ids, stepwise=False):
        """[B, T] ids to [B, T, width] after the output norm. Rows may be padded on the right."""
        length = ids.shape[1]
        padding = 0 if stepwise else -length % self.c.chunk
        x = self.token_embd[F.pad(ids, (0, padding))]
        for block in self.blocks:
            x = block(x, stepwise)
        return rms(x, self.output_norm, self.c.epsilon)[:, :length]

    def logits(self, hidden):
        """Logits of any selection of hidden rows, float32."""
        return F.linear(hidden, self.token_embd).float()


def check():
    """Chunk form against recurrence, in float64 state-free operators and in the whole model."""
    torch.manual_seed(1)
    for chunk in (16, 32, 64):
        c = Config(chunk=chunk, decay_bound=-min(5.0, 80 / chunk))
        model = Fledgling(c)
        ids = torch.randint(0, c.vocabulary, (2, 100))
        with torch.no_grad():
            a, b = model.hidden(ids), model.hidden(ids, stepwise=True)
        print(f"chunk {chunk}: largest difference {(a - b).abs().max():.2e}")
        assert (a - b).abs().max() < 1e-4


if __name__ == "__main__":
    check()
