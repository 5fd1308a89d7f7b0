"""What the values of answers and verdicts are called when a person reads them."""

from __future__ import annotations

APPROACH_TITLES = {
    "prompting": "Start with a prompt",
    "few_shot": "Put examples into the prompt (few-shot)",
    "structured_output": "Use structured output (JSON mode)",
    "rag": "Use retrieval (RAG)",
    "fine_tuning": "Fine-tune",
    "fine_tuning_and_rag": "Fine-tune, with retrieval (RAG) for the facts",
    "preference_tuning": "Tune on preferences",
    "collect_data": "Get the data ready first",
}

TECHNIQUE_TITLES = {
    "sft": "supervised fine-tuning (SFT)",
    "sft_then_dpo": "supervised fine-tuning, then DPO",
    "dpo": "direct preference optimization (DPO)",
    "kto": "KTO, on single good and bad answers",
    "reward_rlhf": "reinforcement learning with a reward (RLHF)",
    "distillation": "distillation into a small model (SFT on a large model's answers)",
}

NEED_TITLES = {
    "private_knowledge": "facts of your own",
    "fresh_knowledge": "facts that must be current",
    "output_format": "a fixed output format",
    "style_tone": "a style or tone",
    "terminology": "the field's terminology",
    "task_accuracy": "more accurate answers",
    "language": "a language it is weak in",
    "token_cost": "lower cost per request",
    "latency": "faster answers",
    "preference_alignment": "answers that people prefer",
}

TRIED_TITLES = {
    "prompting": "a prompt",
    "few_shot": "examples in the prompt",
    "structured_output": "structured output",
    "rag": "retrieval (RAG)",
}
