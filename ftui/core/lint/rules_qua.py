"""QUA: whether answers are worth learning from. One pass over a row; cheap looks first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ftui.core.lint.about_qua import RULES
from ftui.core.lint.answers import OPENING, cut_off, is_placeholder, loop
from ftui.core.lint.asks import (
    asks_for_now,
    asks_for_picture,
    count_fault,
    ends_in_url,
    is_bare_url,
    is_open_question,
    missing_in,
)
from ftui.core.lint.language import has_english, has_romance_or_german, language_of, mentions_language
from ftui.core.lint.model import Context, Reporter, Row, Severity, Turn
from ftui.core.lint.plain import PlainRun, Shape
from ftui.core.lint.prose import without_code
from ftui.core.lint.qua_fixes import FIXES, NEXT_EXAMPLE
from ftui.core.lint.qua_form import check_form
from ftui.core.lint.qua_totals import LABEL_CHARACTERS, Totals, count_answer, count_size, finish

__all__ = ["FIXES", "RULES", "Totals", "check", "check_plain", "finish"]


_OPENING_WORDS = frozenset({
    "i", "i'm", "i’m", "i'd", "as", "sorry", "sorry,", "unfortunately,", "sure", "sure,", "sure!", "sure.", "certainly",
    "certainly!", "certainly,", "certainly.", "of", "absolutely", "absolutely!", "absolutely,", "definitely!",
    "definitely,", "great", "no", "so", "very",
})  # fmt: skip
_END_MARKS = frozenset(".!?\"”’')`*…。！？>}]0123456789|")
_PICTURE_WORDS = frozenset({
    "draw", "paint", "sketch", "colorize", "colorise", "photograph", "generate", "create", "make", "produce", "design",
    "show", "please", "can", "could",
})  # fmt: skip
_COUNT_WORDS = frozenset(
    {"list", "give", "name", "provide", "suggest", "write", "generate", "come", "identify", "create"}
)
_ASKING_WORDS = _PICTURE_WORDS | _COUNT_WORDS
_SIGNS = re.compile(rb"[<\[{(`=#\\]|JSON")
"""What is in the marks of every row that a rule about form may object to."""
_POINTED_AT = frozenset({"below", "attached", "above", "code", "snippet", "text", "passage", "paragraph", "table",
                         "image", "picture", "figure"})  # fmt: skip
_BRACES = re.compile(
    r"\{\{\s*[A-Za-z_][\w .-]{0,40}\s*\}\}|<(?:insert|your|enter|add|fill in|fill)[ _-][^<>\n]{1,40}>", re.I
)
_BRACKETS = re.compile(
    r"\[(?:Your|Insert|Enter|Add|Recipient['’]?s?|Company|Sender['’]?s?)(?:[ _][\w'’/-]{1,20}){0,4}\](?!\()", re.I
)
_ABOUT_TEMPLATES = ("template", "jinja", "handlebars", "mustache", "angular", "vue", "liquid", "helm", "ansible",
                    "django",
                    "placeholder", "latex", "html", "curly")  # fmt: skip
_FORMS = ("template", "letter", "mail", "resume", "résumé", " cv", "form", "contract", "invit", "script", "speech",
          "release",
          "memo", "message", "post", "note", "invoice", "proposal", "bio", "agenda", "survey", "card", "response",
          "reply",
          "ad ", "advert", "caption", "tweet", "notice", "announcement", "introduc", "voicemail",
          "statement")  # fmt: skip
_SELF = re.compile(
    r"\b(?:I am|I'm|I’m|my name is|call me)\s+(?:an? )?(?:\w+ ){0,4}?(ChatGPT|GPT-?\d\w*|Claude|Gemini|Bard|Copilot"
    r"|Grok"
    r"|LLaMA|Llama ?\d?|Qwen\w*|DeepSeek\w*|ERNIE|Vicuna)\b"
    r"|\b(?:I am|I'm|I’m|I was|[Aa]s an? (?:AI|language|large language))\b[^.\n]{0,100}?\b(?:created|trained"
    r"|developed|made"
    r"|built|designed)\s+by\s+(OpenAI|Anthropic|Google(?: DeepMind)?|Meta(?: AI)?|Microsoft|Alibaba(?: Cloud)?|DeepSeek"
    r"|Mistral(?: AI)?|Baidu|xAI|Cohere)\b"
    r"|我是(?:一个)?(?:由)?(OpenAI|ChatGPT|通义千问|文心一言|Claude)"
)


@dataclass(slots=True)
class _Seen:
    """What the marks of a row say once, for all its answers. form: signs of JSON, markup, code or arithmetic. merged:
    headings of another example may be in it. vendor: an answer may say who it is."""

    form: bool
    merged: bool
    vendor: bool


_NOTHING = _Seen(False, False, False)
_I_AM = re.compile(r"I(?: am|'m|’m| was)\b")


def _look(row: Row) -> _Seen:
    marks, signs = row.marks, row.signs
    if not signs and b"I" not in marks and b"O" not in marks:
        return _NOTHING
    form = (bool(signs) and _SIGNS.search(signs) is not None) or b"JSON" in marks
    merged = b":" in marks and (b"I:" in marks or b"O:" in marks)
    vendor = b"I" in marks and (b"AI" in marks or _I_AM.search(row.joined) is not None)
    vendor = vendor or (bool(signs) and "我是" in row.joined)
    return _Seen(form, merged, vendor) if form or merged or vendor else _NOTHING


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    seen = _look(row)
    prompt = system = last_role = ""
    prompt_turns: list[Turn] = []
    for turn in row.turns:
        role = turn.role
        if role == "user":
            if last_role == "user":
                prompt = f"{prompt}\n\n{turn.text}"
                prompt_turns.append(turn)
            else:
                prompt, prompt_turns = turn.text, [turn]
        elif role == "assistant" or role == "text":
            if turn.text:
                _check_answer(row, turn, prompt, system, prompt_turns, seen, report, totals)
        elif role == "system":
            system = turn.text
        last_role = role
    _check_prompts(row, seen.form, report)
    if seen.form and row.format.kind:
        _check_unfilled(row, report)


_FORM_OR_NEXT = re.compile(rb"[<\[{(`=#\\]|JSON|[IO]:|AI|://|" + re.escape("我是".encode()))


def check_plain(run: PlainRun, report: Reporter, totals: Totals, context: Context) -> None:
    loud = {*run.untidy, *run.with_marks(_FORM_OR_NEXT)}
    for place, (shape, texts, marks) in enumerate(zip(run.shapes, run.texts, run.marks, strict=True)):
        if place in loud:
            continue
        if _is_worth_a_look(shape, texts) or (b"I" in marks and _I_AM.search(run.joined[place])):
            loud.add(place)
        else:
            for answer, _ in shape.answers:
                count_size(totals, run.first + place, len(texts[answer]))
    run.look_closer(loud, check, report, totals, context)


def _is_worth_a_look(shape: Shape, texts: Sequence[str]) -> bool:
    """False for a tidy row without signs of which `check` would have nothing to say, but for the length of answers."""
    for place, asked in shape.answers:
        text = texts[place]
        size = len(text)
        if size <= LABEL_CHARACTERS or text[-1] not in _END_MARKS:
            return True
        if _may_loop(text, size) or (text[:14].partition(" ")[0].lower() in _OPENING_WORDS and OPENING.match(text)):
            return True
        prompt = texts[asked[0]] if len(asked) == 1 else "\n\n".join([texts[each] for each in asked])
        for each in asked:
            if text.startswith(texts[each][:8]):
                return True
        if prompt[:16].partition(" ")[0].lower() in _ASKING_WORDS or " word" in prompt or " sentence" in prompt:
            return True
        if size >= 100 and len(prompt) >= 60 and _may_be_foreign(text[:200], prompt[:200]):
            return True
    alone = len(shape.asked) == 1
    for place in shape.asked:
        prompt = texts[place]
        if (alone and _points_at_end(prompt)) or _asks_for_now(prompt):
            return True
    return False


def _may_loop(text: str, size: int) -> bool:
    middle = size // 2
    return text.count(text[-16:]) > 1 or (size > 400 and text.count(text[middle : middle + 16]) > 1)


def _may_be_foreign(text: str, prompt: str) -> bool:
    """One of them does not begin in English, and may be in another language."""
    return (not has_english(text) and has_romance_or_german(text)) or (
        not has_english(prompt) and has_romance_or_german(prompt[:120])
    )


def _points_at_end(prompt: str) -> bool:
    return prompt[-16:].rstrip(" .:\n").rpartition(" ")[2] in _POINTED_AT


def _asks_for_now(prompt: str) -> str:
    """`asks_for_now` of the beginning of a prompt, asked only where one of its words may be in it."""
    if "urrent" in prompt or "oday" in prompt or "atest" in prompt or "now" in prompt:
        return asks_for_now(prompt[:400])
    return ""


def _check_answer(
    row: Row,
    turn: Turn,
    prompt: str,
    system: str,
    prompt_turns: list[Turn],
    seen: _Seen,
    report: Reporter,
    totals: Totals,
) -> None:
    text = turn.text
    size = len(text)
    count_answer(totals, row, text, size)
    if size <= LABEL_CHARACTERS or text.startswith("<"):
        if is_placeholder(text):
            report("QUA602", turn.pointer, "a placeholder in place of the answer", text=text)
        elif size <= 12 and len(text.split()) <= 2 and is_open_question(prompt):
            report("QUA601", turn.pointer, "an open question, and next to no answer", text=text)
    if text[:14].partition(" ")[0].lower() in _OPENING_WORDS and (found := OPENING.match(text)):
        if found.lastgroup == "refusal":
            totals.refusals += row.format.kind != "preference"  # PRF858 compares the sides
            if totals.first_refusal < 0:
                totals.first_refusal = row.index
        elif found.end() < size:
            report("QUA604", turn.pointer, f'it opens with "{found.group()[:60]}"', text=text, span=found.span())
    if size >= 40:
        if _may_loop(text, size) and (found_loop := loop(text)):
            start, piece = found_loop
            report("QUA608", turn.pointer, f'"{piece.strip()[:60]}" over and over', text=text, span=(start, size))
        elif text[-1] not in _END_MARKS and row.format.kind != "text" and (why := cut_off(text)):
            report("QUA607", turn.pointer, why, text=text, span=(max(0, size - 20), size))
    if turn.role == "text":
        return
    for asked in prompt_turns:
        if text[0] == asked.text[:1] or text[0].isspace() or asked.text[:1].isspace():
            _check_copy(turn, asked.text, prompt, report)
    first = prompt[:16].partition(" ")[0].lower()
    if first in _ASKING_WORDS or " word" in prompt or " sentence" in prompt:
        _check_request(turn, prompt, first, report)
    if size >= 100 and len(prompt) >= 60 and _may_be_foreign(text[:200], prompt[:200]):
        _check_language(turn, prompt, system, report)
    if seen is _NOTHING:
        return
    if seen.form:
        check_form(row, turn, prompt, system, report)
    if seen.merged:
        _check_merged(turn, prompt, report)
    if seen.vendor:
        _check_vendor(turn, prompt, report)


def _check_copy(turn: Turn, asked: str, prompt: str, report: Reporter) -> None:
    text, size = turn.text, len(turn.text)
    if size >= 8 and -8 < len(asked) - size < 8 and text.strip() == asked.strip():
        report("QUA609", turn.pointer, "the answer is what the prompt gave", text=text)
    elif 40 <= len(asked) < size and text.startswith(asked) and asked == prompt[: len(asked)]:
        report("QUA609", turn.pointer, "the answer begins with the whole prompt", text=text)


def _check_request(turn: Turn, prompt: str, first: str, report: Reporter) -> None:
    """What the prompt asks for in so many words: a picture, a number of things."""
    if first in _PICTURE_WORDS and asks_for_picture(prompt, turn.text):
        report("QUA620", turn.pointer, "a picture or a sound was asked for", text=prompt)
    if fault := count_fault(prompt, turn.text):
        report("QUA623", turn.pointer, fault, text=turn.text)


def _check_merged(turn: Turn, prompt: str, report: Reporter) -> None:
    found = list(NEXT_EXAMPLE.finditer(turn.text))
    kinds = {each.group(1).lower() for each in found}
    if ("instruction" in kinds and found[0].start() > 0) or {"input", "output"} <= kinds:
        if "Output:" in prompt or "xample" in prompt:
            return  # the prompt asks for examples in this form
        report("QUA613", turn.pointer, f'"{found[0].group().strip()}" begins another example', text=turn.text,
               span=found[0].span())  # fmt: skip


def _check_language(turn: Turn, prompt: str, system: str, report: Reporter) -> None:
    asked = language_of(without_code(prompt))
    said = language_of(without_code(turn.text)) if asked else ""
    if asked and said and asked != said and not mentions_language(f"{system}\n{prompt}"):
        report("QUA615", turn.pointer, f"the prompt is in {asked}, the answer in {said}", text=turn.text)


def _check_vendor(turn: Turn, prompt: str, report: Reporter) -> None:
    found = _SELF.search(turn.text)
    if found:
        name = next(group for group in found.groups() if group)
        report(
            "QUA616",
            turn.pointer,
            f"the answer speaks as {name}, or as made by them",
            text=turn.text,
            span=found.span(),
        )


def _check_prompts(row: Row, signs: bool, report: Reporter) -> None:
    has_link = bool(row.signs) and b"://" in row.marks
    asked = [turn for turn in row.turns if turn.role == "user"]
    alone = len(asked) == 1
    for turn in asked:
        prompt = turn.text
        if not row.conversation and turn.pointer in ("/input", "/context") and is_placeholder(prompt[:41]):
            report("QUA602", turn.pointer, "a placeholder in place of the input", text=prompt)
        if has_link and (is_bare_url(prompt) or (alone and ends_in_url(prompt))) and not row.tools:
            report("QUA614", turn.pointer, "only a link is given, and a text model cannot open it", text=prompt)
        elif (signs or (alone and _points_at_end(prompt))) and (missing := missing_in(prompt)) and not _has_media(row):
            report("QUA614", turn.pointer, missing, text=prompt)
        if words := _asks_for_now(prompt):
            report("QUA621", turn.pointer, f'"{words[:60]}" changes with time', text=prompt)


def _has_media(row: Row) -> bool:
    return any(
        key in row.data for key in ("images", "image", "audios", "audio", "videos", "video", "files", "documents")
    )


def _check_unfilled(row: Row, report: Reporter) -> None:
    if not _BRACES.search(row.joined) and not _BRACKETS.search(row.joined):
        return
    lower = row.lower
    for turn in row.turns:
        if turn.role not in ("user", "assistant", "text"):
            continue
        prose = without_code(turn.text)
        found = None if any(word in lower for word in _ABOUT_TEMPLATES) else _BRACES.search(prose)
        severity = None
        if found is None and turn.role == "assistant" and (found := _BRACKETS.search(prose)):
            asked = " ".join(each.text for each in row.turns if each.role != "assistant").lower()
            severity = Severity.INFO if any(form in asked for form in _FORMS) else Severity.WARNING
        if found:
            report("QUA612", turn.pointer, f"{found.group()[:60]} was never filled in", text=turn.text,
                   span=found.span(),
                   severity=severity)  # fmt: skip
