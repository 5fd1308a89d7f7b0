"""TOK: what the chosen model's tokenizer and chat template make of the rows; tokenizer files only, no weights.

Everything that concerns the loss comes from `ftui.core.render`, which training uses: the lint cannot say one thing and
the run do another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftui.core.canonical import canonical
from ftui.core.lint.about_tok import RULES
from ftui.core.lint.model import DROP, ChatTokenizer, Context, Encoded, Fixer, Reporter, Row, Severity, edit_text
from ftui.core.lint.tok_totals import MAX_LENGTHS, Totals, finish

if TYPE_CHECKING:  # imported where it is used: most runs of the linter have no model, and so no template to render
    from ftui.core.render import Dialect, Written

__all__ = ["FIXES", "RULES", "Totals", "check", "check_batch", "finish"]

BOS_TEXTS = ("<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<｜begin▁of▁sentence｜>", "<|endoftext|>")
_EMPTY_THINKING = re.compile(r"<think>\s*</think>")
_FOREIGN = re.compile(
    r"\[INST\]|<<SYS>>|### (?:Instruction|Response|Human|Assistant):|<\|im_start\|>|<\|start_header_id\|>"
    r"|<start_of_turn>"
    r"|<\|(?:user|assistant)\|>|\bUSER: .*\bASSISTANT: ",
    re.S,
)
_ROLES = ("system", "user", "assistant", "tool")


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    """The one rule that needs no tokenizer: a space between a raw prompt and its answer."""
    if row.format.kind != "completion" or row.conversation or not row.prompt:
        return
    last = row.prompt[-1]
    if last.text.endswith((" ", "\t")) and last.text.strip():
        report("TOK519", last.pointer, "the prompt ends with a space", text=last.text,
               span=(len(last.text.rstrip()), len(last.text)))  # fmt: skip


def check_batch(rows: Sequence[Row], report: Reporter, totals: Totals, context: Context) -> None:
    tokenizer = context.tokenizer
    assert tokenizer is not None
    written: list[tuple[Row, Written]] = []
    for row in rows:
        for made in _written(row, tokenizer.dialect, report, totals):
            if made.text.isascii() or _is_unicode(made.text):
                written.append((row, made))
    for (row, made), encoded in zip(written, tokenizer.encode_batch([made.text for _, made in written]), strict=True):
        report.at(row)
        _check_row(row, made, encoded, report, totals, context, tokenizer)
    report.at(None)


def _is_unicode(text: str) -> bool:
    """False where half of a surrogate pair is in it, which no tokenizer takes: ENC106 has said so."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _written(row: Row, dialect: Dialect, report: Reporter, totals: Totals) -> tuple[Written, ...]:
    """The row as text, and what there is to say before it is cut into tokens."""
    from ftui.core.render import RenderError, write_row

    if not row.format.kind or row.format.kind == "stepwise":
        return ()
    try:
        data = row.data if _is_canonical(row) else canonical(row.data, row.format)
    except ValueError:
        return ()  # SCH303 has said what is wrong
    totals.rows += 1
    kind = row.format.kind
    if kind in ("chat", "preference", "kto", "prompt"):
        totals.chat_rows += 1
        totals.without_system += not any(turn.role == "system" for turn in row.turns)
    if data.get("tools") and not totals.tools_tried:
        totals.tools_tried = True
        if _ignores_tools(dialect, data):
            totals.tools_ignored = (row.index, "")
    try:
        made = write_row(dialect, data)
    except RenderError as refusal:
        report.at(row)
        report("TOK506", "", f"the template says: {refusal}"[:300])
        return ()
    return made


def _is_canonical(row: Row) -> bool:
    """Whether a chat row is canonical as it stands: messages of a standard role and a text, and nothing else."""
    if row.format.name != "chat" or len(row.format.columns) != 1 or row.format.columns[0][1] != "messages":
        return False
    if len(row.turns) != len(row.data["messages"]):
        return False
    for turn in row.turns:
        message = turn.message
        if message is None or len(message) != 2 or message.get("role") != turn.role or turn.role not in _ROLES:
            return False
        if type(message.get("content")) is not str:
            return False
    return bool(row.turns)


def _check_row(
    row: Row,
    made: Written,
    encoded: Encoded,
    report: Reporter,
    totals: Totals,
    context: Context,
    tokenizer: ChatTokenizer,
) -> None:
    length = len(encoded)
    totals.tokens += length
    totals.characters += len(made.text)
    if len(totals.lengths) < MAX_LENGTHS:
        totals.lengths.append(length)
    for note in made.notes:
        if note.kind == "double_bos":
            place = row.turns[0].pointer if row.turns else ""
            report("TOK510", place, note.message, text=made.text)
        elif note.kind == "markers_missed":
            report("TOK509", "", note.message)
        else:
            totals.noted(note.kind, row.index, note.message)
    is_prompt = row.format.kind == "prompt"
    if not made.spans and not is_prompt:
        report("TOK501", "", "there is no answer, or every answer has weight 0")
    _check_length(row, made, encoded, length, report, context)
    if made.spans:
        _check_boundary(row, made, encoded, report)
    if "<think>" in made.text and _EMPTY_THINKING.search(made.text):
        totals.empty_thinking += 1
    if row.format.kind == "text":
        _count_foreign(row, made, totals, tokenizer)
    if not made.text.isascii():
        _check_unknown(encoded, report, totals, context, tokenizer)


def _count_foreign(row: Row, made: Written, totals: Totals, tokenizer: ChatTokenizer) -> None:
    found = _FOREIGN.search(made.text)
    if found and found.group() not in tokenizer.special_tokens and found.group() not in tokenizer.chat_template:
        totals.foreign += 1
        if totals.foreign_first[0] < 0:
            totals.foreign_first = (row.index, found.group()[:24])


def _check_length(row: Row, made: Written, encoded: Encoded, length: int, report: Reporter, context: Context) -> None:
    limit = context.max_length_tokens
    if limit is None or length <= limit:
        return
    if not made.spans:
        report("TOK502", "", f"{length:,} tokens, the limit is {limit:,}")
        return
    first = encoded.char_to_token(made.spans[0].start)
    place = next((turn.pointer for turn in row.turns if turn.role in ("assistant", "text")), "")
    if first is not None and first >= limit:
        report(
            "TOK503", place, f"the prompt has {first:,} tokens, the limit is {limit:,}: nothing of the answer is left"
        )
        return
    if row.format.kind == "text":
        words = f"{length:,} tokens: trained in pieces of at most {limit:,}, nothing is lost"
        report("TOK502", place, words, severity=Severity.INFO)
        return
    over = length - limit
    report("TOK502", place, f"{length:,} tokens, {over:,} more than the limit of {limit:,}")


def _check_boundary(row: Row, made: Written, encoded: Encoded, report: Reporter) -> None:
    """A token that begins in the prompt, with something other than white space, and ends in the answer."""
    for span in made.spans:
        index = encoded.char_to_token(span.start)
        characters = None if index is None else encoded.token_to_chars(index)
        if characters and characters[0] < span.start and made.text[characters[0] : span.start].strip():
            shown = made.text[characters[0] : characters[1]][:24]
            report("TOK511", "", f'one token is "{shown}", across the end of the prompt')
            return


def _byte_ids(tokenizer: ChatTokenizer) -> frozenset[int]:
    """Ids of the byte tokens (<0x00> to <0xFF>) that a SentencePiece vocabulary falls back to."""
    texts = [f"<0x{byte:02X}>" for byte in range(256)]
    return frozenset(found for text in texts if (found := tokenizer.token_id(text)) is not None)


def _check_unknown(
    encoded: Encoded, report: Reporter, totals: Totals, context: Context, tokenizer: ChatTokenizer
) -> None:
    ids = encoded.ids
    if totals.byte_ids is None:
        totals.byte_ids = _byte_ids(tokenizer)
    unknown = ids.count(tokenizer.unk_id) if tokenizer.unk_id >= 0 else 0
    fallen = sum(token in totals.byte_ids for token in ids) if totals.byte_ids else 0
    share = (unknown + fallen) / max(1, len(ids))
    if share > context.threshold("TOK514.share", 0.1):
        what = "unknown tokens" if unknown >= fallen else "single bytes"
        report("TOK514", "", f"{share:.0%} of the row's {len(ids):,} tokens are {what}")


def _ignores_tools(dialect: Dialect, data: Mapping[str, Any]) -> bool:
    from ftui.core.render import RenderError

    messages = data.get("messages") or data.get("prompt")
    if not isinstance(messages, list):
        return False
    head = [message for message in messages if message.get("role") in ("system", "user")][:2]
    try:
        return dialect.render(head, data["tools"], True) == dialect.render(head, None, True)
    except RenderError:
        return False


def _drop(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    return DROP


def _without_bos(text: str) -> str:
    for token in BOS_TEXTS:
        while text.startswith(token):
            text = text[len(token) :]
    return text


def _move_space(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """Take the space off the prompt's end and put one before the answer, in whichever columns they are."""
    prompt = pointer.split("/")[-1]
    row[prompt] = row[prompt].rstrip(" \t")
    for column in ("completion", "response", "answer", "output", "target", "solution"):
        if isinstance(row.get(column), str):
            row[column] = " " + row[column].lstrip(" \t")
            break
    return row


FIXES: dict[str, Fixer] = {"TOK503": _drop, "TOK510": edit_text(_without_bos), "TOK519": _move_space}
