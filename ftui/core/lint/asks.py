"""What a prompt asks for, and whether the answer is of that kind: JSON, a count, a picture, something attached."""

from __future__ import annotations

import json
import re
from typing import Any

from ftui.core.lint.schema import value_faults

_OPEN = re.compile(
    r"\s*(?:please |can you |could you )?(?:explain|describe (?:how|the (?:process|history|role|difference|effect))"
    r"|discuss|elaborate"
    r"|why\b|write (?:an? |me an? )?(?:short |long |brief )?(?:essay|story|article|paragraph|poem|letter|report"
    r"|review|blog)"
    r"|tell (?:me )?(?:a |about)|compare and contrast|summari[sz]e the|how do(?:es)? (?!you (?:say|spell)))",
    re.I,
)
_WANTS_JSON = re.compile(
    r"(?i)\b(?:respond|reply|answer|output|return|produce|give|provide|generate|write|format)[^.\n]{0,60}\b(?:valid "
    r"|only |pure |strict |a )?json\b"
    r"(?!\s*(?:file|parser|library|schema\b|api))|\bjson (?:only|object only)\b|\bonly (?:valid )?json\b"
)
_STRICT_JSON = re.compile(
    r"(?i)only (?:a |an |with )?(?:valid |single |one )?json|json (?:object )?only|valid json|json and nothing else"
    r"|no prose"
)
_FENCED = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*\Z", re.S)
_ABOUT_CODE = re.compile(
    r"(?i)\b(?:python|javascript|java|code|function|script|program|library|flask|node|api endpoint|parse)\b"
)
_PICTURE = re.compile(
    r"(?i)\s*(?:please |can you |could you )?(?:draw|paint|sketch|colori[sz]e|photograph|(?:generate|create|make"
    r"|produce|design|show)"
    r" (?:me )?(?:an?|the|some) (?:\w+ ){0,3}(?:image|picture|photo|drawing|painting|illustration|logo|video"
    r"|animation|infographic"
    r"|heatmap visuali[sz]ation|audio (?:clip|file)|song file))\b"
)
_DRAWN = ("```", "<svg", "\\begin{tikz", "|", "plt.", "http", "![", "+--", "/\\")
_NOW = re.compile(
    r"(?i)\b(?:what(?:'s| is| day is it) (?:the )?(?:today|(?:current )?(?:time|date)|weather (?:like )?(?:today|now"
    r"|right now))"
    r"|today'?s (?:date|weather|news|price|headlines)|(?:who is|who's|name) the (?:current|present|incumbent)"
    r"|current (?:president|prime minister|ceo|chancellor|king|champion|stock price|exchange rate|temperature"
    r"|weather|population)"
    r"|latest (?:news|version|model|release|score|results)|(?:right now|at the moment|this (?:week|month"
    r"|year)),? (?:what|who|which))\b"
)
_BARE_URL = re.compile(r"\s*<?(?:https?://|www\.)\S+>?\s*\Z")
_TRAILING_URL = re.compile(
    r"(?:article|page|website|web site|link|url|video|document|source)\b[^.\n]{0,40}[:.]?\s*(?:https?://"
    r"|www\.)\S+\s*\Z",
    re.I,
)
_ATTACHMENT = re.compile(
    r"(?i)[<\[(](?:an? |the )?(?:image|picture|photo|figure|file|document|audio|video|diagram|graph|chart|table"
    r"|screenshot|pdf)"
    r"(?: (?:attached|here|inserted|below|of [^<>\[\]()]{1,40}))?[>\])](?!\()|[<\[(](?:attach(?:ed|ment)"
    r"|insert)[^<>\[\]()]{0,40}[>\])]"
    r"|!\[[^\]]{0,60}\]\(https?://[^)]{1,400}\)"
)
_POINTS_AT = re.compile(
    r"(?i)\b(?:code|snippet|text|passage|paragraph|table|list|image|picture|figure|article|email|document|data"
    r"|function|dataset)"
    r" (?:shown |given |provided |attached )?(?:below|attached|above)[.:]?\s*\Z"
    r"|\b(?:the )?(?:following|attached) (?:code|snippet|text|passage|paragraph|table|image|picture|figure"
    r"|code snippet)[.:]?\s*\Z"
)
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_LISTED = re.compile(
    r"(?i)\b(?:list|give|name|provide|suggest|write|generate|come up with|identify|create)(?: me)?(?: a list of)?"
    r" (?:exactly )?(two|three|four|five|six|seven|eight|nine|ten|\d{1,2}) (?!words?\b|sentences?\b|paragraphs?\b"
    r"|line|stanza|digit|letter"
    r"|syllable|page|minute|hour|day|week|month|year|percent|point|-)([a-z]+)"
)
_ITEM = re.compile(r"^[ \t]*(?:\d{1,2}[.):]|[-*•])\s+\S", re.M)
_ONE_WORD = re.compile(
    r"(?i)\b(?:in|with|using|reply with|answer in|only) (?:just |only |exactly )?(?:one|a single|1) word\b(?! or)"
)
_MOST_WORDS = re.compile(
    r"(?i)\b(?:in|under|within|at most|no more than|fewer than|less than|maximum(?: of)?|up to) (?:at most "
    r"|no more than |under )?(\d{1,4}) words?\b"
    r"|\b(\d{1,4}) words? (?:or less|or fewer|max(?:imum)?)\b"
)
_ONE_SENTENCE = re.compile(r"(?i)\bin (?:just |only |exactly )?(?:one|a single|1) sentence\b")
_SENTENCE_END = re.compile(r"[.!?][\"')\]]?\s+(?=[A-Z])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|Mr|Mrs|Ms|Dr|St|vs|U\.S|[A-Z])\.")


def is_open_question(prompt: str) -> bool:
    """Whether a prompt asks for more than a word: an explanation, an essay, a reason."""
    return bool(_OPEN.match(prompt))


def missing_in(prompt: str) -> str:
    """What a prompt refers to and does not give, in words; "" when nothing is missing. URLs: see `is_bare_url`."""
    if found := _ATTACHMENT.search(prompt):
        return f"{found.group()[:60]} stands for something that a text model does not get"
    if len(prompt) < 300 and "\n" not in prompt.strip() and '"' not in prompt and (found := _POINTS_AT.search(prompt)):
        return f'the prompt speaks of "{found.group().strip()[:60]}" and gives none'
    return ""


def is_bare_url(text: str) -> bool:
    """Whether the text is a link and nothing else."""
    return bool(_BARE_URL.match(text))


def ends_in_url(prompt: str) -> bool:
    """Whether a prompt hands over a link in place of the article, page or video that it speaks of."""
    return bool(_TRAILING_URL.search(prompt))


def json_fault(prompt: str, answer: str) -> str:
    """How an answer fails a prompt that asks for JSON, in words; "" when it does not, or none was asked for."""
    asked = _WANTS_JSON.search(prompt)
    if not asked:
        return ""
    text = answer.strip()
    fenced = _FENCED.match(text)
    text = fenced.group(1).strip() if fenced else text
    begins = text[:1] in "{["
    strict = bool(_STRICT_JSON.search(prompt)) and not _ABOUT_CODE.search(prompt)
    if not begins and not strict:
        return ""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)
        return f"JSON was asked for, but the answer does not parse: {reason}"
    schema = _schema_in(prompt)
    fault = next(value_faults(value, schema), "") if schema else ""
    return f"the answer breaks the schema in the prompt: {fault}" if fault else ""


def _schema_in(prompt: str) -> dict[str, Any] | None:
    """A JSON Schema of an object that stands in the prompt."""
    if '"properties"' not in prompt:
        return None
    decoder = json.JSONDecoder()
    position = prompt.find("{")
    for _ in range(20):
        if position < 0:
            return None
        try:
            value, _ = decoder.raw_decode(prompt, position)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            return value
        position = prompt.find("{", position + 1)
    return None


def asks_for_picture(prompt: str, answer: str) -> bool:
    """Whether a prompt asks for a picture or a sound, and the answer is not one made of characters."""
    return bool(_PICTURE.match(prompt)) and not any(sign in answer for sign in _DRAWN)


def asks_for_now(prompt: str) -> str:
    """The words with which a prompt asks about the moment of asking, "" when it does not."""
    found = _NOW.search(prompt)
    return found.group().strip() if found else ""


def count_fault(prompt: str, answer: str) -> str:
    """How an answer breaks a number that the prompt gives: of words, sentences or list items; "" when it does not."""
    words = len(answer.split())
    if words > 1 and _ONE_WORD.search(prompt):
        return f"one word was asked for, the answer has {words}"
    if (found := _MOST_WORDS.search(prompt)) and words > 1.1 * int(found.group(1) or found.group(2)):
        return f"at most {found.group(1) or found.group(2)} words were asked for, the answer has {words}"
    if _ONE_SENTENCE.search(prompt):
        ends = len(_SENTENCE_END.findall(_ABBREVIATION.sub("", answer)))
        if ends >= 2:
            return f"one sentence was asked for, the answer has {ends + 1}"
    if found := _LISTED.search(prompt):
        wanted = _NUMBERS.get(found.group(1).lower()) or int(found.group(1))
        items = len(_ITEM.findall(answer))
        if items >= 2 and items != wanted and wanted > 1 and "each" not in prompt:
            return f"{wanted} {found.group(2)} were asked for, the answer lists {items}"
    return ""
