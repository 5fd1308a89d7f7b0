"""Make the tiny model again: `python sample_data/make_tiny_model.py [--out FOLDER] [--steps N] [--threads N]`.

A Llama of about two million parameters reads texts from seeded generators, once each, on the CPU. The same machine and
library versions give the same weights; another CPU may round differently.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from writing.pretraining import Document, documents, documents_with_json

HERE = Path(__file__).parent
PAD, BOS, START, END = "<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>"
VOCABULARY = 2048
CONTEXT_TOKENS = 512
BLOCK_TOKENS = 512
BLOCKS_PER_STEP = 4
PEAK_LEARNING_RATE = 3e-3
WARMUP_STEPS = 60
CONSTANT_SHARE = 0.6
PROMPT_WEIGHT, TEXT_WEIGHT = 0.2, 0.5
"""What a token counts for the loss outside answers: what people ask is noise, how they are answered is the skill."""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE; digits stand alone, which is the pre-tokenizer that GGUF runtimes call "smollm"."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    texts = (json.dumps(document) if isinstance(document, list) else document for document in documents(Random(1)))
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(islice(texts, 20_000), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=END,
        pad_token=PAD,
        chat_template=(HERE / "chat_template.jinja").read_text().rstrip("\n"),
        model_max_length=CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=3,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.04,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
        max_new_tokens=128,
    )
    return model


def blocks(
    tokenizer: PreTrainedTokenizerFast, texts: Iterator[Document]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Give token ids and loss weights, both (BLOCKS_PER_STEP, BLOCK_TOKENS), of documents put end to end."""
    size = BLOCKS_PER_STEP * BLOCK_TOKENS
    ids: list[int] = []
    weights: list[float] = []
    for document in texts:
        if isinstance(document, str):
            more = [*tokenizer(document).input_ids, tokenizer.eos_token_id]
            weights += [TEXT_WEIGHT] * len(more)
        else:
            chat = tokenizer.apply_chat_template(document, return_dict=True, return_assistant_tokens_mask=True)
            more = chat["input_ids"]
            weights += [1.0 if answer else PROMPT_WEIGHT for answer in chat["assistant_masks"]]
        ids += more
        while len(ids) >= size:
            shape = (BLOCKS_PER_STEP, BLOCK_TOKENS)
            yield torch.tensor(ids[:size]).view(shape), torch.tensor(weights[:size]).view(shape)
            ids, weights = ids[size:], weights[size:]


def pretrain(model: LlamaForCausalLM, batches: Iterator[tuple[torch.Tensor, torch.Tensor]], steps: int) -> list[float]:
    """Train with AdamW: warm-up, a constant rate, then a line down; give the loss (nats per token) of every step."""
    inner = [w for name, w in model.named_parameters() if w.dim() == 2 and "embed" not in name]
    known = {id(weight) for weight in inner}
    others = [weight for weight in model.parameters() if id(weight) not in known]
    optimizer = torch.optim.AdamW(
        [{"params": inner, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=PEAK_LEARNING_RATE,
        betas=(0.9, 0.95),
    )
    losses: list[float] = []
    started = time.perf_counter()
    for step, (ids, weights) in enumerate(islice(batches, steps)):
        left = (steps - step) / ((1 - CONSTANT_SHARE) * steps)
        scale = min(1.0, (step + 1) / WARMUP_STEPS) * min(1.0, 0.05 + 0.95 * left)
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LEARNING_RATE * scale
        logits = model(input_ids=ids).logits[:, :-1]
        nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        counted = weights[:, 1:].flatten()
        loss = (nll * counted).sum() / counted.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 50 == 0 or step + 1 == steps:
            print(f"step {step + 1}/{steps}  loss {losses[-1]:.3f}  {time.perf_counter() - started:.0f} s", flush=True)
    return losses


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    model.save_pretrained(out)
    tokenizer.save_pretrained(out, save_jinja_files=False)
    (out / "model.safetensors").chmod(0o644)
    # transformers 5 writes a class name that older readers do not know; this one is known to all.
    path = out / "tokenizer_config.json"
    path.write_text(path.read_text().replace('"TokenizersBackend"', '"PreTrainedTokenizerFast"'))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "tiny-model")
    parser.add_argument("--steps", type=int, default=2000, help="of the first course: language, and reading messages")
    parser.add_argument("--json-steps", type=int, default=600, help="of the second course: answers in JSON")
    parser.add_argument("--from", dest="start", type=Path, help="a model that has had its first course")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True)
    started = time.perf_counter()
    if arguments.start:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(arguments.start)
        model = LlamaForCausalLM.from_pretrained(arguments.start, dtype=torch.float32)
    else:
        tokenizer = make_tokenizer()
        model = make_model(tokenizer)
        pretrain(model, blocks(tokenizer, documents(Random(2))), arguments.steps)
    losses = pretrain(model, blocks(tokenizer, documents_with_json(Random(3))), arguments.json_steps)
    save(model, tokenizer, arguments.out)
    figures: dict[str, Any] = {
        "parameters": model.num_parameters(),
        "tokens_read": (arguments.steps + arguments.json_steps) * BLOCKS_PER_STEP * BLOCK_TOKENS,
        "final_loss": round(sum(losses[-25:]) / len(losses[-25:]), 3),
        "seconds": round(time.perf_counter() - started),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
