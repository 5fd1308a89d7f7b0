"""TXT: characters and leftovers that do not belong into what a model learns to write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from ftui.core.lint.about_txt import RULES
from ftui.core.lint.model import Context, Fixer, Reporter, Row, Safety, Severity, Turn, edit_text
from ftui.core.lint.mojibake import repaired
from ftui.core.lint.plain import PlainRun
from ftui.core.lint.prose import looks_like_code, without_code
from ftui.core.lint.txt_characters import (
    BIDI,
    COMPATIBLE,
    CONTROL,
    EATEN,
    FLAGS,
    TAGS,
    all_turns,
    check_characters,
    check_control,
    invisible_places,
)

__all__ = ["FIXES", "RULES", "check", "check_plain"]

_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]"
)
_SPECIAL = re.compile(
    r"<\|(?:[a-z0-9_]{2,32}|[A-Z_]{3,32})\|>|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>|\[/?INST\]|<</?SYS>>"
    r"|<｜[^｜<>]{1,40}｜>|\[(?:/?AVAILABLE_TOOLS|TOOL_CALLS|/?TOOL_RESULTS)\]|<end_of_utterance>"
)
_OPENING_TOKENS = frozenset({"<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "[INST]",
                             "<<SYS>>", "<|user|>", "<|assistant|>", "<|system|>"})  # fmt: skip
_HTML = re.compile(
    r"</?(?:p|br|div|span|b|i|u|em|strong|ul|ol|li|h[1-6]|table|thead|tbody|tr|td|th|img|font|pre|code|blockquote|hr"
    r"|sup|sub|script|style|a href=[^<>]{1,200})(?:\s[^<>]{0,200})?/?>|&(?:nbsp|amp|lt|gt|quot|apos|mdash|ndash"
    r"|#\d{2,5}|#x[0-9a-fA-F]{2,5});",
    re.I,
)
_ABOUT_MARKUP = ("html", "xml", "svg", "css", " tag", "markup", "web", "javascript", "jsx", "php", "template", "escape")
_TEMPLATE = re.compile(
    r"(?:\A|\n)[ \t]*#{2,3} ?(?:Instruction|Response|Input|Output|System|User|Assistant|Human|Question|Answer)s?[ \t]*:"
    r"|(?:\A|\n)[ \t]*<?(?:USER|ASSISTANT)>?:"
)
_PROMPT_LABEL = re.compile(r"\A\s*(?:Human|User)\s*:\s")
_ANSWER_LABEL = re.compile(r"\A\s*(?:Assistant|AI|Bot|Chatbot|Response)\s*:\s")
_LABEL_MARKS = re.compile(rb"[HUAIBCR]:|##|USER:|ASSISTANT:")
"""What is left in `Row.marks` of these labels and of template headings."""
_TWO_LINE_ENDS = re.compile(rb"\n\n")
_FORMAT_CODE = re.compile(
    r"\{%-?\s*\w[^{}]{0,80}%\}|(?<!\\)\$\{[A-Za-z_]\w{0,40}\}|(?<![\w%])%(?:s|d|\(\w{1,30}\)s)(?![\w%])"
)
_BLANK_LINES = re.compile(r"\n[ \t]*\n[ \t]*\n\s*")


def check(row: Row, report: Reporter, totals: None, context: Context) -> None:
    """Each group of rules looks at the row only when one of its characters is in what is left of it (`row.marks`)."""
    marks, signs = row.marks, row.signs
    if signs:
        _check_signs(signs, row, report, context)
    if b":" in marks and _LABEL_MARKS.search(marks) and row.format.kind != "text":
        _check_template_text(row, report)
    if not row.tidy:
        for turn in row.turns:
            text = turn.text
            if text.strip() != text and not text.isspace():
                _edges(turn, row, report)
    if b"\n\n" in marks and _BLANK_LINES.search(row.joined):
        _check_blank_lines(row, report)


def check_plain(run: PlainRun, report: Reporter, totals: None, context: Context) -> None:
    loud = [*run.signed, *run.untidy, *run.labelled, *run.with_marks(_TWO_LINE_ENDS)]
    run.look_closer(loud, check, report, totals, context)


def _check_signs(signs: bytes, row: Row, report: Reporter, context: Context) -> None:
    """What needs a sign that is not in ordinary prose: a bracket, a percent sign, a byte beyond ASCII."""
    if not row.joined.isascii():
        check_characters(row, report)
    elif _CONTROL_BYTES.search(signs):
        _each_turn(row, report, check_control)
    if b"<" in signs or b"[" in signs:
        _check_special_tokens(row, report, context)
    if b"<" in signs or b"&" in signs:
        _check_html(row, report)
    if b"%" in signs or b"$" in signs:
        _each_turn(row, report, _format_code)
    if b"`" in signs:
        _each_turn(row, report, _fences)


def _each_turn(row: Row, report: Reporter, one: Callable[[Turn, Reporter], None]) -> None:
    for turn in all_turns(row):
        one(turn, report)


@lru_cache(maxsize=4)
def _own_tokens(tokens: frozenset[str]) -> re.Pattern[str] | None:
    """The chosen model's control tokens, those that nobody writes by chance."""
    telling = sorted((t for t in tokens if len(t) > 3 and not t.isalnum()), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, telling))) if telling else None


def _check_special_tokens(row: Row, report: Reporter, context: Context) -> None:
    own = _own_tokens(context.tokenizer.special_tokens) if context.tokenizer is not None else None
    if not _SPECIAL.search(row.joined) and not (own and own.search(row.joined)):
        return
    about_html = "html" in row.lower
    for turn in all_turns(row):
        prose = without_code(turn.text)
        found = [each for each in _SPECIAL.finditer(prose) if not (about_html and each.group() in ("<s>", "</s>"))]
        opens_a_turn = any(each.group() in _OPENING_TOKENS for each in found)
        safety: Safety = "unsafe" if opens_a_turn or _SPECIAL.search(_trimmed(turn.text)) else "safe"
        if not found and own:
            found, safety = list(own.finditer(prose)), "none"
        if found:
            where = "at the text's edge" if safety == "safe" else "in the text"
            severity = Severity.WARNING if turn.role == "text" else None
            report("TXT410", turn.pointer, f"the control token {found[0].group()} {where}", text=turn.text,
                   span=found[0].span(), fix=safety, severity=severity)  # fmt: skip


_LEADING = re.compile(rf"(?:\s*(?:{_SPECIAL.pattern}))+")
_TRAILING = re.compile(rf"(?:(?:{_SPECIAL.pattern})\s*)+\Z")


def _trimmed(text: str) -> str:
    """The text without control tokens at its beginning and end."""
    text = text.strip()
    if found := _LEADING.match(text):
        text = text[found.end() :]
    tail = max(0, len(text) - 200)
    last = _TRAILING.search(text, tail)
    return (text[: last.start()] if last else text).strip()


def _check_html(row: Row, report: Reporter) -> None:
    if not _HTML.search(row.joined) or any(word in row.lower for word in _ABOUT_MARKUP):
        return
    for turn in all_turns(row):
        if turn.text.lstrip().startswith("<"):
            continue  # the turn is markup
        prose = without_code(turn.text)
        found = _HTML.search(prose)
        if found and not looks_like_code(prose):
            report("TXT403", turn.pointer, f"{found.group()[:40]} in prose", text=turn.text, span=found.span())


def _check_template_text(row: Row, report: Reporter) -> None:
    """Headings of templates in prompts, and speaker labels in front. Headings inside an answer are QUA613's."""
    marks, raw_prompt = row.marks, row.format.kind == "completion"
    heading = b"##" in marks or b"USER:" in marks or b"ASSISTANT:" in marks
    for turn in row.turns:
        is_answer = turn.role == "assistant"
        if raw_prompt and not is_answer:
            continue  # a raw prompt may carry its own template
        found = None
        if heading:
            found = _TEMPLATE.match(turn.text) if is_answer else _TEMPLATE.search(turn.text)
        if found is None and ":" in turn.text[:16] and (is_answer or (turn.role == "user" and row.conversation)):
            found = (_ANSWER_LABEL if is_answer else _PROMPT_LABEL).match(turn.text)
        if found:
            report("TXT411", turn.pointer, f'"{found.group().strip()[:40]}" belongs to a prompt template',
                   text=turn.text, span=found.span())  # fmt: skip


def _format_code(turn: Turn, report: Reporter) -> None:
    found = _FORMAT_CODE.search(without_code(turn.text))
    if found and not looks_like_code(turn.text):
        report("TXT412", turn.pointer, f"{found.group()[:40]} was never filled in", text=turn.text, span=found.span())


def _fences(turn: Turn, report: Reporter) -> None:
    if turn.role in ("assistant", "text") and turn.text.count("```") % 2:
        position = turn.text.rfind("```")
        report("TXT414", turn.pointer, f"{turn.text.count('```')} code fences", text=turn.text,
               span=(position, position + 3))  # fmt: skip


def _edges(turn: Turn, row: Row, report: Reporter) -> None:
    text = turn.text
    if row.format.kind == "completion" and turn.role == "assistant":
        text = text.removeprefix(" ")  # the old convention of prompt and completion; TOK519 looks at it
    stripped = text.strip()
    if stripped == text:
        return
    where, span = "after", (len(turn.text.rstrip()), len(turn.text))
    if text[:1].isspace():
        where, span = "before", (0, len(turn.text) - len(turn.text.lstrip()))
    report("TXT413", turn.pointer, f"whitespace {where} the text", text=turn.text, span=span)


def _check_blank_lines(row: Row, report: Reporter) -> None:
    for turn in row.turns:
        prose = without_code(turn.text).strip()
        if _BLANK_LINES.search(prose) and turn.text.strip() == turn.text and not looks_like_code(prose):
            report("TXT413", turn.pointer, "several blank lines in a row", text=turn.text)


def _without_control(text: str) -> str:
    text = EATEN["\x0c"].sub(r"\\f", EATEN["\x08"].sub(r"\\b", text))
    return CONTROL.sub("", _ESCAPES.sub("", text))


def _without_invisible(text: str) -> str:
    gone = set(invisible_places(text))
    return "".join(character for position, character in enumerate(text) if position not in gone)


def _without_tags(text: str) -> str:
    pieces = re.split(f"({FLAGS.pattern})", text)
    return "".join(piece if index % 2 else TAGS.sub("", piece) for index, piece in enumerate(pieces))


def _without_html(text: str) -> str:
    import html

    text = re.sub(r"(?i)<br\s*/?>|</p>", "\n", text)
    return html.unescape(_HTML.sub(lambda found: found.group() if found.group().startswith("&") else "", text))


def _without_special(text: str) -> str:
    return _SPECIAL.sub("", text).strip()


def _without_template(text: str) -> str:
    for pattern in (_TEMPLATE, _ANSWER_LABEL, _PROMPT_LABEL):
        text = pattern.sub("\n" if pattern is _TEMPLATE else "", text)
    return text.strip()


def _composed(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return COMPATIBLE.sub(lambda found: unicodedata.normalize("NFKC", found.group()), composed)


def _trim(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", text).strip() if not looks_like_code(text) and "```" not in text else text.strip()


FIXES: dict[str, Fixer] = {
    "TXT401": edit_text(repaired),
    "TXT403": edit_text(_without_html),
    "TXT404": edit_text(_without_invisible),
    "TXT405": edit_text(lambda text: BIDI.sub("", text)),
    "TXT406": edit_text(_without_tags),
    "TXT407": edit_text(_without_control),
    "TXT408": edit_text(_composed),
    "TXT410": edit_text(_without_special),
    "TXT411": edit_text(_without_template),
    "TXT413": edit_text(_trim),
}
