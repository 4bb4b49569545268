#!/usr/bin/env python3
"""SentencePiece tokenizers through `corvid model convert`, beside the packages they come from.

    pip install sentencepiece tokenizers
    python3 tests/bench/engine/sentence_pieces.py --corvid build/release/corvid [--golden FOLDER]

Trains byte pairs that fall back to bytes on texts of this repository, as Llama's are made, writes
them as tokenizer.model and as tokenizer.json, converts each and compares the ids of random texts
with those of both packages. --golden writes what tests/golden/engine/convert/sentence_pieces holds.
"""
import argparse
import io
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

import sentencepiece
import tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[3]
VOCABULARY, PADDED = 512, 520
SYMBOLS = ["<|im_start|>", "<|im_end|>"]
ODD = ["", " ", "  ", "a", "   indented", "tail  ", "\n\n\tx\r\n", "naïve façade", "日本語です", "🦜🐦",
       "▁ visible", "<0x0A>", "<s> </s>", "<|im_start|>user\nhi<|im_end|>", "0123456789" * 3,
       "e\u0301", "\u00a0\u3000", "zzzzzzzzzzzzzzzz", "The engine", "the tokens of a sequence"]


def texts():
    found = sorted(ROOT.glob("**/README.md"))
    return [line for path in found if "build" not in path.parts and ".work" not in path.parts
            for line in path.read_text("utf-8").splitlines() if line]


def train(folder):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts()), model_writer=out, model_type="bpe",
        vocab_size=VOCABULARY, byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, split_digits=True, user_defined_symbols=SYMBOLS,
        character_coverage=0.995, num_threads=1, minloglevel=2,
        allow_whitespace_only_pieces=True)
    (folder / "tokenizer.model").write_bytes(out.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())


def fast_form(model):
    """tokenizer.json as transformers makes it of a Llama: every pair that joins to a piece is a
    merge, in the order of the pieces' scores."""
    pieces = {model.id_to_piece(i): i for i in range(model.get_piece_size())}
    merges = []
    for piece, index in pieces.items():
        if model.is_control(index) or model.is_byte(index) or piece in SYMBOLS:
            continue
        pairs = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
        pairs = [pair for pair in pairs if pair[0] in pieces and pair[1] in pieces]
        pairs.sort(key=lambda pair: (pieces[pair[0]], pieces[pair[1]]))
        merges += [(model.get_score(index), pair) for pair in pairs]
    merges.sort(key=lambda merge: -merge[0])
    special = [(index, piece, index < 3) for piece, index in pieces.items()
               if index < 3 or piece in SYMBOLS]
    return {"version": "1.0",
            "added_tokens": [{"id": index, "content": piece, "special": is_special,
                              "single_word": False, "lstrip": False, "rstrip": False,
                              "normalized": False} for index, piece, is_special in special],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            "pre_tokenizer": None, "post_processor": None, "decoder": None,
            "model": {"type": "BPE", "vocab": pieces, "merges": [list(pair) for _, pair in merges],
                      "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}}


def write_model(folder):
    """A llama of nothing but zeros, whose vocabulary is padded."""
    dim, hidden = 8, 8
    shapes = {"model.embed_tokens.weight": [PADDED, dim], "model.norm.weight": [dim],
              "lm_head.weight": [PADDED, dim]}
    block = "model.layers.0."
    for name in ("q", "k", "v", "o"):
        shapes[f"{block}self_attn.{name}_proj.weight"] = [dim, dim]
    for name in ("gate", "up", "down"):
        shapes[f"{block}mlp.{name}_proj.weight"] = [hidden, dim]
    for name in ("input_layernorm", "post_attention_layernorm"):
        shapes[f"{block}{name}.weight"] = [dim]
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + bytes(at))
    (folder / "config.json").write_text(json.dumps({
        "model_type": "llama", "hidden_act": "silu", "hidden_size": dim,
        "intermediate_size": hidden, "max_position_embeddings": 64, "num_attention_heads": 2,
        "num_hidden_layers": 1, "vocab_size": PADDED, "bos_token_id": 1, "eos_token_id": 2}))


def random_texts(count):
    rng = random.Random(5)
    words = " ".join(texts()).split(" ")
    made = []
    for _ in range(count):
        parts = [rng.choice(words) for _ in range(rng.randrange(1, 12))]
        if rng.random() < 0.4:
            parts.insert(0, chr(rng.choice([0xe9, 0x416, 0x4e2d, 0x1f426, 0x9, 0x20])))
        made.append(rng.choice([" ", "  ", ""]).join(parts))
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--corvid", required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--golden", type=pathlib.Path)
    arguments = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = train(folder)
        fast = tokenizers.Tokenizer.from_str(json.dumps(fast_form(model)))
        cases = ODD + random_texts(arguments.count)

        def in_json(text):
            return fast.encode(text, add_special_tokens=False).ids

        def wanted(text):
            """tokenizers reads control tokens in a text; sentencepiece puts its space before a
            symbol at the beginning, the others behind it."""
            return in_json(text) if any(s in text for s in SYMBOLS) else model.encode(text)

        if arguments.golden:
            arguments.golden.mkdir(parents=True, exist_ok=True)
            (arguments.golden / "tokenizer.model").write_bytes(
                (folder / "tokenizer.model").read_bytes())
            (arguments.golden / "tokenizer.json").write_text(
                json.dumps(fast_form(model), ensure_ascii=False, separators=(",", ":")), "utf-8")
            (arguments.golden / "cases.json").write_text(json.dumps(
                [{"text": text, "ids": wanted(text)} for text in cases[:len(ODD) + 20]],
                ensure_ascii=False, separators=(",", ":")), "utf-8")
        for form in ("tokenizer.model", "tokenizer.json"):
            source, out = folder / form[10:], folder / f"{form}.gguf"
            source.mkdir()
            write_model(source)
            if form == "tokenizer.model":
                (source / form).write_bytes((folder / form).read_bytes())
            else:
                (source / form).write_text(json.dumps(fast_form(model)), "utf-8")
            subprocess.run([arguments.corvid, "model", "convert", source, out], check=True,
                           stdout=subprocess.DEVNULL)
            same = 0
            for text in cases:
                ids = json.loads(subprocess.run([arguments.corvid, "model", "tokenize", out],
                                                input=text.encode(), capture_output=True,
                                                check=True).stdout)
                same += ids == wanted(text)
                if ids != wanted(text):
                    print(f"{form}: {text!r}: {ids} for {wanted(text)}", file=sys.stderr)
            wrong += len(cases) - same
            print(f"{form}: {same} of {len(cases)} texts as the packages have them")
        both = sum(model.encode(text) == in_json(text) for text in cases)
        print(f"the packages agree on {both}")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
