"""QUA: whether answers are worth learning from. One pass over a row; cheap looks first."""

from __future__ import annotations

import ast
import heapq
import json
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ftui.core.lint.about_qua import RULES
from ftui.core.lint.answers import OPENING, cut_off, is_placeholder, loop
from ftui.core.lint.arithmetic import BOXED, final_mismatch, wrong_sums
from ftui.core.lint.asks import (
    asks_for_now,
    asks_for_picture,
    count_fault,
    ends_in_url,
    is_bare_url,
    is_open_question,
    json_fault,
    missing_in,
)
from ftui.core.lint.language import has_english, has_romance_or_german, language_of, mentions_language
from ftui.core.lint.model import DROP, Context, Facts, Fixer, Reporter, Row, Severity, Turn, edit_text, resolve_parent
from ftui.core.lint.prose import without_code
from ftui.core.text import plural

__all__ = ["FIXES", "RULES", "Totals", "check", "finish"]

SHORT_CHARACTERS = 24
LABEL_CHARACTERS = 40
_MAX_LABELS = 200
_MAX_LONGEST = 5


@dataclass
class Totals:
    """Counters over the answers of a file. `lengths[n]` counts answers of 2**(n-1) to 2**n - 1 characters."""

    answers: int = 0
    refusals: int = 0
    short: int = 0
    lengths: list[int] = field(default_factory=lambda: [0] * 40)
    longest: list[tuple[int, int]] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    first_refusal: int = -1

    def merge(self, later: Totals, rows_before: int) -> None:
        if self.first_refusal < 0 <= later.first_refusal:
            self.first_refusal = later.first_refusal + rows_before
        self.answers += later.answers
        self.refusals += later.refusals
        self.short += later.short
        self.labelled += later.labelled
        self.lengths = [mine + theirs for mine, theirs in zip(self.lengths, later.lengths, strict=True)]
        self.longest = heapq.nlargest(
            _MAX_LONGEST, [*self.longest, *((size, row + rows_before) for size, row in later.longest)]
        )
        for label, count in later.labels.items():
            if label in self.labels or len(self.labels) < _MAX_LABELS:
                self.labels[label] += count


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
_NEXT_EXAMPLE = re.compile(
    r"\n[ \t]*(?:#{2,9}[ \t]*)?(?:\d{1,4}[ \t]*[.)][ \t]*)?(Instruction|Input|Output|Response)[ \t]*:", re.I
)
_BEFORE_EXAMPLE = re.compile(r"(?:<!--.{0,100}-->|#+|\d+)\Z")
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
_FENCE = re.compile(r"```(python|py|json)[ \t]*\n(.*?)```", re.S | re.I)
_NOT_A_PROGRAM = re.compile(r"^[ \t]*(?:>>>|\$ |!|%)|\.\.\.|…|<[a-z_ ]+>", re.M)
_MAX_PARSED = 4000


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
    _count(totals, row, text, size)
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
        middle = size // 2
        repeats = text.count(text[-16:]) > 1 or (size > 400 and text.count(text[middle : middle + 16]) > 1)
        if repeats and (found_loop := loop(text)):
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
    if size >= 100 and len(prompt) >= 60 and not (has_english(text[:200]) and has_english(prompt[:200])):
        _check_language(turn, prompt, system, report)
    if seen is _NOTHING:
        return
    if seen.form:
        _check_form(row, turn, prompt, system, report)
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


def _count(totals: Totals, row: Row, text: str, size: int) -> None:
    totals.answers += 1
    totals.lengths[min(39, size.bit_length())] += 1
    longest = totals.longest
    if size > 1000 and (len(longest) < _MAX_LONGEST or size > longest[-1][0]):
        longest.append((size, row.index))
        longest.sort(reverse=True)
        del longest[_MAX_LONGEST:]
    if size <= SHORT_CHARACTERS:
        totals.short += 1
    if size <= LABEL_CHARACTERS and "\n" not in text:
        totals.labelled += 1
        if len(totals.labels) < _MAX_LABELS or text in totals.labels:
            totals.labels[text] += 1


def _check_request(turn: Turn, prompt: str, first: str, report: Reporter) -> None:
    """What the prompt asks for in so many words: a picture, a number of things."""
    if first in _PICTURE_WORDS and asks_for_picture(prompt, turn.text):
        report("QUA620", turn.pointer, "a picture or a sound was asked for", text=prompt)
    if fault := count_fault(prompt, turn.text):
        report("QUA623", turn.pointer, fault, text=turn.text)


def _check_form(row: Row, turn: Turn, prompt: str, system: str, report: Reporter) -> None:
    """What has brackets, fences or signs of arithmetic in it: JSON, thinking, code, sums."""
    text, marks = turn.text, row.marks
    if (b"JSON" in marks or b"{" in marks) and (fault := json_fault(f"{system}\n{prompt}", text)):
        report("QUA610", turn.pointer, fault, text=text)
    if b"<" in marks and "think>" in text:
        _check_thinking(turn, report)
    if b"```" in marks:
        _check_code(turn, report)
    if b"=" in marks or b"####" in marks or b"\\" in marks:
        _check_sums(turn, report)


def _check_thinking(turn: Turn, report: Reporter) -> None:
    text = turn.text
    opened, closed = text.count("<think>"), text.count("</think>")
    if "`<think>" in text or "`</think>" in text:
        return  # a text about the tags
    if opened != closed and not (opened == 0 and closed == 1):
        report("QUA611", turn.pointer, f"{opened} <think> and {closed} </think>", text=text)
    elif opened and text[: text.find("<think>")].strip():
        report("QUA611", turn.pointer, "the thinking comes after the answer", text=text)
    elif opened and not text[text.find("<think>") + 7 : text.find("</think>")].strip():
        report("QUA611", turn.pointer, "the thinking is empty", text=text, severity=Severity.WARNING)


def _check_code(turn: Turn, report: Reporter) -> None:
    for found in _FENCE.finditer(turn.text):
        language, code = found.group(1).lower(), found.group(2)
        if len(code) > _MAX_PARSED or _NOT_A_PROGRAM.search(code):
            continue
        try:
            if language == "json":
                json.loads(code)
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ast.parse(_dedented(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            why = error.msg if isinstance(error, (SyntaxError, json.JSONDecodeError)) else type(error).__name__
            report(
                "QUA617", turn.pointer, f"the {language} block does not parse: {why}", text=turn.text, span=found.span()
            )


def _dedented(code: str) -> str:
    import textwrap

    return textwrap.dedent(code)


def _check_merged(turn: Turn, prompt: str, report: Reporter) -> None:
    found = list(_NEXT_EXAMPLE.finditer(turn.text))
    kinds = {each.group(1).lower() for each in found}
    if ("instruction" in kinds and found[0].start() > 0) or {"input", "output"} <= kinds:
        if "Output:" in prompt or "xample" in prompt:
            return  # the prompt asks for examples in this form
        report("QUA613", turn.pointer, f'"{found[0].group().strip()}" begins another example', text=turn.text,
               span=found[0].span())  # fmt: skip


def _check_sums(turn: Turn, report: Reporter) -> None:
    text = turn.text
    if "####" in text and (mismatch := final_mismatch(text)):
        start, end, computed, given = mismatch
        report("QUA618", turn.pointer, f"the reasoning computes {computed}, the answer says {given}", text=text,
               span=(start, end))  # fmt: skip
    if "\\boxed" in text and "</think>" in text:
        thought, _, said = text.rpartition("</think>")
        inside, outside = BOXED.findall(thought), BOXED.findall(said)
        if inside and outside and inside[-1].replace(" ", "") != outside[-1].replace(" ", ""):
            report(
                "QUA618",
                turn.pointer,
                f"the thinking ends in {inside[-1]}, the answer in {outside[-1]}"[:160],
                text=said,
            )
    if "=" in text and "`" not in text:
        for start, end, right in wrong_sums(text):
            report(
                "QUA619",
                turn.pointer,
                f"{text[start:end].strip('<>')[:80]}: it is {right}",
                text=text,
                span=(start, end),
            )


def _check_language(turn: Turn, prompt: str, system: str, report: Reporter) -> None:
    """For pairs that do not both begin in English. Quick where neither beginning has a word of another language."""
    if not has_romance_or_german(turn.text[:200]) and not has_romance_or_german(prompt[:120]):
        return
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
        elif (
            (signs or (alone and prompt[-1:] != "?" and prompt[-16:].rstrip(" .:\n").rpartition(" ")[2] in _POINTED_AT))
            and (missing := missing_in(prompt))
            and not _has_media(row)
        ):
            report("QUA614", turn.pointer, missing, text=prompt)
        if ("urrent" in prompt or "oday" in prompt or "atest" in prompt or "now" in prompt) and (
            words := asks_for_now(prompt[:400])
        ):
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


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    answers = totals.answers
    if not answers:
        return
    if totals.refusals >= 3 and totals.refusals / answers > context.threshold("QUA603.share", 0.02):
        report("QUA603", "", f"{totals.refusals:,} of {plural(answers, 'answer')} ({totals.refusals / answers:.0%})"
                             f" refuse;"
               f" the first is in row {totals.first_refusal}")  # fmt: skip
    few_labels = len(totals.labels) <= 50 and answers >= 10 * len(totals.labels)
    if answers >= 50 and totals.short / answers > 0.9 and not few_labels:
        report("QUA605", "", f"{totals.short / answers:.0%} of the answers have {SHORT_CHARACTERS} characters or fewer")
    _report_outliers(totals, report)
    if answers >= 10 and totals.labelled / answers >= 0.8 and len(totals.labels) < _MAX_LABELS:
        _report_spellings(totals.labels, report)


def _report_outliers(totals: Totals, report: Reporter) -> None:
    below, limit = 0, 0
    for bits, count in enumerate(totals.lengths):
        below += count
        if below >= 0.95 * totals.answers:
            limit = 8 * 2**bits
            break
    outliers = [(size, row) for size, row in totals.longest if size > max(limit, 2000)]
    if outliers and totals.answers >= 50:
        shown = ", ".join(f"row {row} ({size:,} characters)" for size, row in outliers)
        report("QUA606", "", f"more than eight times as long as 95 % of the answers: {shown}")


def _report_spellings(labels: Counter[str], report: Reporter) -> None:
    groups: dict[str, Counter[str]] = {}
    for label, count in labels.items():
        key = re.sub(r"[\W_]+", " ", label).strip().lower()
        groups.setdefault(key, Counter())[label] += count
    if len(groups) > 30 or sum(labels.values()) < 4 * len(groups):
        return
    sizes = {key: sum(group.values()) for key, group in groups.items()}
    for key, group in groups.items():
        short = [other for other in groups if other != key and len(other) >= 3 and key.startswith(other)
                 and sizes[other] * 5 <= sizes[key]]  # fmt: skip
        spelled = group + Counter({label: n for other in short for label, n in groups[other].items()})
        if len(spelled) > 1:
            ways = ", ".join(f'"{label.strip()[:24]}" ({count:,})' for label, count in spelled.most_common(5))
            report("QUA622", "", f"one label, {len(spelled)} spellings: {ways}")


def _fix_placeholder(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    parent, key = resolve_parent(row, pointer)
    if key in ("input", "context"):
        parent[key] = ""
        return row
    return DROP


def _without_opening(text: str) -> str:
    found = OPENING.match(text)
    rest = text[found.end() :].lstrip(" ,:.!\n") if found and found.lastgroup == "boilerplate" else text
    return rest[:1].upper() + rest[1:] if rest else text


def _before_next_example(text: str) -> str:
    found = _NEXT_EXAMPLE.search(text)
    if not found or not found.start():
        return text
    kept = text[: found.start()].rstrip()
    left_over = _BEFORE_EXAMPLE.search(kept, max(0, len(kept) - 120))
    return kept[: left_over.start()].rstrip() if left_over else kept


FIXES: dict[str, Fixer] = {
    "QUA602": _fix_placeholder,
    "QUA604": edit_text(_without_opening),
    "QUA613": edit_text(_before_next_example),
}
