"""The tokenizer, and the model's way of writing for ftui's one renderer (core/render.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan
from ftui.core.render import Dialect, RenderError
from ftui.core.render_dialect import HALF_A_PAIR
from ftui.trainer.failure import TrainerError


def load_tokenizer(folder: str, plan: Plan) -> Any:
    """The model's tokenizer with the plan's chat template and a pad token. Raises TrainerError.

    A tokenizer without a pad token pads with its end-of-text token: padding is told apart by the attention mask and by
    labels that are written out, never by the token, so the end of text is still learned.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=plan.model.trust_remote_code)
    except (OSError, ValueError, ImportError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainerError("The tokenizer cannot be loaded", f"{folder}: {words}", reason="data") from None
    if not tokenizer.is_fast:
        raise TrainerError(
            "The tokenizer cannot be used",
            f"{folder}: it has no tokenizer.json, so the place of a token in the text is not known",
            "Convert it once with transformers' AutoTokenizer and save_pretrained.",
            reason="data",
        )
    if plan.model.chat_template:
        try:
            tokenizer.chat_template = Path(plan.model.chat_template).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{plan.model.chat_template}: {error}"
            raise TrainerError("The chat template cannot be read", message, reason="data") from None
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise TrainerError(
                "The tokenizer has no end-of-text token",
                f"{folder}: neither eos_token nor pad_token is set, so the model could never learn to stop",
                "Set eos_token in tokenizer_config.json.",
                reason="data",
            )
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def dialect_of(tokenizer: Any) -> Dialect:
    """The tokenizer's chat template and vocabulary as the plain callables that the renderer takes."""
    from transformers.utils.chat_template_utils import render_jinja_template

    has_markers = bool(tokenizer.chat_template) and "generation" in str(tokenizer.chat_template)

    def run(
        messages: Sequence[Any], tools: Any, prompt: bool, mask: bool, kwargs: Mapping[str, Any]
    ) -> tuple[str, Any]:
        if not tokenizer.chat_template:
            raise RenderError("the model has no chat template")
        try:
            texts, spans = render_jinja_template(
                [[dict(message) for message in messages]],
                tools=list(tools) if tools else None,
                chat_template=tokenizer.get_chat_template(tools=tools),
                add_generation_prompt=prompt,
                return_assistant_tokens_mask=mask,
                **{**tokenizer.special_tokens_map, **kwargs},
            )
        except Exception as error:  # a template is a program from outside: it can raise anything
            raise RenderError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None
        return texts[0], spans[0] if spans else []

    def render(messages: Sequence[Any], tools: Any, add_generation_prompt: bool, **kwargs: Any) -> str:
        return run(messages, tools, add_generation_prompt, False, kwargs)[0]

    def render_spans(messages: Sequence[Any], tools: Any, **kwargs: Any) -> tuple[str, Any]:
        return run(messages, tools, False, True, kwargs)

    def encode(text: str) -> tuple[list[int], list[tuple[int, int]]]:
        try:
            made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False)
        except TypeError:
            raise RenderError(HALF_A_PAIR) from None
        return made["input_ids"], made["offset_mapping"]

    with_bos = tokenizer("a").input_ids
    return Dialect(
        render=render,
        encode=encode,
        bos=tokenizer.bos_token or "",
        eos=tokenizer.eos_token or "",
        adds_bos=bool(with_bos) and tokenizer.bos_token_id is not None and with_bos[0] == tokenizer.bos_token_id,
        special_tokens=frozenset(token.content for token in tokenizer.added_tokens_decoder.values() if token.special),
        render_spans=render_spans if has_markers and "endgeneration" in str(tokenizer.chat_template) else None,
    )
