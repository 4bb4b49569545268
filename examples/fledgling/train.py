"""Trains Fledgling on one CPU thread and resumes from its own checkpoint.

    python3 train.py --minutes M [--work DIR] [--checkpoint FILE] [--mix STAGE=SHARE,...] [--rate F] [--seed S]

Streams of samples share the tokens as SCHEDULE (or --mix) says: `recite` (verbatim copying), `multi`, `single` and `resid`
(ranking.py), `drive` (trajectories.py). The learning rate is constant and falls to a tenth over the last fifth of M.
The checkpoint holds weights, their moving average, optimizer state and counters; it is written every two minutes and at
the end, and read at the start where it exists.
"""

import argparse
import collections
import ctypes
import os
import pathlib
import random
import shutil
import time

import numpy
import torch
import torch.nn.functional as F

import ranking
import tokenizer
import trajectories
from model import Config, Fledgling

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_CHECKPOINT = HERE.parent.parent / ".work" / "checkpoints" / "fledgling.pt"

TOKENS_PER_STEP = 3072
# (tokens up to which the row holds, share of the tokens per stream)
SCHEDULE = [
    (0.2e6, {"recite": 0.8, "locate": 0.2}),
    (0.9e6, {"recite": 0.35, "locate": 0.35, "drive": 0.30}),
    (2.2e6, {"recite": 0.22, "locate": 0.33, "drive": 0.45}),
    (6.0e6, {"recite": 0.05, "locate": 0.53, "drive": 0.42}),
    (1e12, {"locate": 0.10, "drive": 0.20, "multi": 0.15, "single": 0.20, "resid": 0.35}),
]


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised by Newton-Schulz, for matrices; matrices of one shape are handled together."""

    def __init__(self, parameters, lr, momentum=0.95, decay=0.02):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for shape, members in shapes.items():
                updates = []
                for p in members:
                    buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                    buffer.lerp_(p.grad, 1 - group["momentum"])
                    updates.append(p.grad.lerp(buffer, group["momentum"]))
                update = orthogonal(torch.stack(updates)) * max(1.0, shape[0] / shape[1]) ** 0.5
                for p, u in zip(members, update):
                    p.mul_(1 - group["lr"] * group["decay"]).add_(u, alpha=-group["lr"])


def orthogonal(x):
    """The quintic Newton-Schulz iteration on a batch of matrices."""
    tall = x.shape[-2] > x.shape[-1]
    x = x.transpose(-1, -2) if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        a = x @ x.transpose(-1, -2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.transpose(-1, -2) if tall else x


class Batches:
    """Draws batches of samples of one stream each, of like length, so that streams keep their shares of tokens."""

    def __init__(self, streams, source):
        self.streams, self.source = streams, source
        self.waiting = {name: [] for name in streams}
        self.shares, self.spent = None, {}

    def draw(self, shares):
        known = {n: s for n, s in shares.items() if n in self.streams}
        if known != self.shares:
            self.shares, self.spent = known, dict.fromkeys(known, 0.0)
        name = min(known, key=lambda n: self.spent[n] / known[n])
        if not self.waiting[name]:
            samples = [next(self.streams[name]) for _ in range(96)]
            samples.sort(key=lambda s: len(s.ids))
            batches, batch = [], []
            for sample in samples:
                if batch and len(sample.ids) * (len(batch) + 1) > TOKENS_PER_STEP:
                    batches.append(batch)
                    batch = []
                batch.append(sample)
            self.waiting[name] = batches + [batch]
            self.source.shuffle(self.waiting[name])
        batch = self.waiting[name].pop()
        self.spent[name] += sum(len(s.ids) for s in batch)
        return name, batch


def loss_of(model, batch, statistics):
    """The loss of one batch; adds (sum, count) pairs to statistics."""
    length = max(len(s.ids) for s in batch)
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    for row, sample in enumerate(batch):
        ids[row, :len(sample.ids)] = torch.tensor(sample.ids)
    hidden = model.hidden(ids)
    stage = batch[0].stage
    if batch[0].groups is not None:
        loss = listwise(model, hidden, batch, statistics)
        extra = targets_loss(model, hidden, batch, statistics, stage)
        return loss + 0.3 * extra
    return targets_loss(model, hidden, batch, statistics, stage)


def targets_loss(model, hidden, batch, statistics, stage):
    table = numpy.array([(row, *t) for row, s in enumerate(batch) for t in s.targets], dtype=numpy.float64)
    row, position, token, kind = (torch.from_numpy(table[:, i].astype(numpy.int64)) for i in (0, 1, 2, 4))
    weight = torch.from_numpy(table[:, 3].astype(numpy.float32))
    loss = torch.zeros(())
    for which in (ranking.FULL, ranking.VERDICT):
        chosen = kind == which
        if not chosen.any():
            continue
        at = hidden[row[chosen], position[chosen]]
        want, w = token[chosen], weight[chosen]
        if which == ranking.FULL:
            logits = model.logits(at)
        else:
            logits = F.linear(at, model.token_embd[tokenizer.OK:tokenizer.BUG + 1])
            want = want - tokenizer.OK
        each = F.cross_entropy(logits, want, reduction="none")
        loss = loss + (each * w).sum() / w.sum() * (1.0 if which == ranking.FULL else 0.5)
        with torch.no_grad():
            full = which == ranking.FULL
            heavy = w >= 1.0 if stage != "recite" and full else torch.ones_like(w, dtype=torch.bool)
            label = stage + ("" if full else "/verdict")
            statistics[label].append((each[heavy].sum().item(), heavy.sum().item()))
            if full:
                right = (logits.argmax(-1) == want)[heavy]
                statistics[label + "/right"].append((right.sum().item(), heavy.sum().item()))
    return loss


def listwise(model, hidden, batch, statistics):
    """Cross entropy over each sample's candidates of (network score + table score); see Sample.groups."""
    losses = []
    for row, sample in enumerate(batch):
        g = sample.groups
        score = candidate_scores(model, hidden[row], g) + g.table
        losses.append(F.cross_entropy(score[None], torch.tensor([g.right])))
        with torch.no_grad():
            alone = F.cross_entropy(g.table[None], torch.tensor([g.right]))
            statistics["resid/gain"].append((alone.item() - losses[-1].item(), 1))
            statistics["resid/right"].append((float(score.argmax() == g.right), 1))
            statistics["resid/right tables"].append((float(g.table.argmax() == g.right), 1))
    return torch.stack(losses).mean()


def candidate_scores(model, hidden, g, parts=False):
    """Network score of each candidate of a group: token log-odds against <|ok|>, plus half the line's verdict log-odds."""
    logits = model.logits(hidden[g.places])
    token = logits[g.place_of, g.pieces] - logits[g.place_of, tokenizer.OK]
    verdict = F.linear(hidden[g.ends], model.token_embd[tokenizer.OK:tokenizer.BUG + 1])
    verdict = (verdict[:, 1] - verdict[:, 0])[g.line_of]
    return (token, verdict) if parts else token + 0.5 * verdict


class Trainer:
    def __init__(self, config, path):
        self.path, self.kept = path, 0
        self.model = Fledgling(config)
        matrices = [p for n, p in self.model.named_parameters() if n.endswith("weight") and p.dim() == 2]
        named = [self.model.token_embd, self.model.output_norm]
        chosen = {id(p) for p in matrices + named}
        rest = [p for p in self.model.parameters() if id(p) not in chosen]
        adam = lambda parameters, rate: torch.optim.AdamW(parameters, rate, (0.9, 0.98), weight_decay=0.0)
        self.optimizers = [Muon(matrices, 0.018), adam(rest, 3e-3), adam(named[:1], 6e-3), adam(named[1:], 1e-3)]
        self.base = [o.param_groups[0]["lr"] for o in self.optimizers]
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.counters = {"steps": 0, "tokens": 0, "seconds": 0.0, "core_seconds": 0.0, "per_stream": {}, "runs": 0}
        if path.exists():
            state = torch.load(path, weights_only=False)
            self.model.load_state_dict(state["model"])
            self.average = state["average"]
            self.counters = state["counters"]
            self.kept = self.counters["tokens"] // 500_000
            for optimizer, s in zip(self.optimizers, state["optimizers"]):
                optimizer.load_state_dict(s)

    def save(self):
        part = self.path.with_suffix(".part")
        torch.save({"model": self.model.state_dict(), "average": self.average, "counters": self.counters,
                    "optimizers": [o.state_dict() for o in self.optimizers], "config": vars(self.model.c)}, part)
        os.replace(part, self.path)
        half_million = self.counters["tokens"] // 500_000
        if half_million > self.kept:
            shutil.copy(self.path, self.path.with_name(f"{self.path.stem}-{half_million / 2:.1f}M.pt"))
            self.kept = half_million

    def step(self, batch, rate, statistics):
        loss = loss_of(self.model, batch, statistics)
        loss.backward()
        # Every step has gradients of one stream and of one length, so that no stream outweighs its share.
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
        if not torch.isfinite(norm):
            statistics["skipped"].append((1, 1))
            for o in self.optimizers:
                o.zero_grad(set_to_none=True)
            return
        with torch.no_grad():
            for p in self.model.parameters():
                if p.grad is not None:
                    p.grad.div_(norm + 1e-6)
        rate *= min(1.0, (self.counters["steps"] + 1) / 60) * (1.0 if self.counters["tokens"] < 0.8e6 else 0.5)
        for optimizer, base in zip(self.optimizers, self.base):
            for group in optimizer.param_groups:
                group["lr"] = base * rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        decay = min(0.995, 1 - 10 / (self.counters["steps"] + 20))
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                self.average[name].lerp_(p, 1 - decay)
        self.counters["steps"] += 1


def keep_memory():
    """Tells glibc to keep freed memory: batches of changing shapes otherwise spend their time in page faults."""
    libc = ctypes.CDLL(None)
    for option, value in ((-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 1 << 28)):
        libc.mallopt(option, value)


def shares_at(tokens, override):
    return override or next(shares for limit, shares in SCHEDULE if tokens < limit)


def streams_of(work, codec, seed):
    pool = lambda n: ranking.Pool(work, random.Random(f"{seed} {n}"))
    streams = {n: pool(n).samples(codec, n) for n in ("recite", "multi", "single")}
    streams["locate"] = trajectories.short_samples(work, codec, random.Random(f"{seed} locate"))
    streams["drive"] = trajectories.samples(work, codec, random.Random(f"{seed} drive"))
    candidates = sorted((pathlib.Path(work) / "resid").glob("*.jsonl"))
    if candidates:
        streams["resid"] = ranking.listwise_samples(candidates, codec, random.Random(f"{seed} resid"))
    return streams


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=pathlib.Path, default=tokenizer.DEFAULT_WORK)
    arguments.add_argument("--checkpoint", type=pathlib.Path, default=DEFAULT_CHECKPOINT)
    arguments.add_argument("--minutes", type=float, required=True)
    arguments.add_argument("--mix", help="for example recite=0.4,multi=0.4,drive=0.2")
    arguments.add_argument("--rate", type=float, default=1.0, help="factor on the learning rates")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    keep_memory()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    override = options.mix and {k: float(v) for k, v in (p.split("=") for p in options.mix.split(","))}
    options.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(Config(), options.checkpoint)
    counters = trainer.counters
    counters["runs"] += 1
    run = f"{options.seed} {counters['runs']} {counters['tokens']}"
    codec = tokenizer.Codec(options.work)
    batches = Batches(streams_of(options.work, codec, run), random.Random(run))
    statistics = collections.defaultdict(list)
    log = open(options.checkpoint.with_suffix(".log"), "a")
    start = saved = shown = time.monotonic()
    shown_tokens, before = counters["tokens"], (counters["seconds"], counters["core_seconds"])
    core_start = time.process_time()
    while True:
        now = time.monotonic()
        elapsed = (now - start) / 60
        counters["seconds"] = before[0] + now - start
        counters["core_seconds"] = before[1] + time.process_time() - core_start
        done = elapsed >= options.minutes
        if now - shown > 30 or done:
            speed = (counters["tokens"] - shown_tokens) / max(now - shown, 1e-3)
            parts = [f"{k} {sum(a for a, _ in v) / max(sum(b for _, b in v), 1):.3f}" for k, v in sorted(statistics.items())]
            print(f"{counters['seconds'] / 60:.1f} min, {counters['tokens'] / 1e6:.2f} M tokens, {speed:.0f}/s: "
                  + ", ".join(parts), file=log, flush=True)
            statistics.clear()
            shown, shown_tokens = now, counters["tokens"]
        if now - saved > 120 or done:
            trainer.save()
            saved = now
        if done:
            break
        name, batch = batches.draw(shares_at(counters["tokens"], override))
        rate = options.rate * max(0.1, min(1.0, (options.minutes - elapsed) / (0.2 * options.minutes)))
        trainer.step(batch, rate, statistics)
        tokens = sum(len(s.ids) for s in batch)
        counters["tokens"] += tokens
        counters["per_stream"][name] = counters["per_stream"].get(name, 0) + tokens


if __name__ == "__main__":
    main()
