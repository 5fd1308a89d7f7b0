"""Which language a text is in, as far as its script and its small words tell. Says nothing when it is not sure."""

from __future__ import annotations

import re
from functools import lru_cache

_SCRIPTS = (
    ("Chinese", re.compile("[\u4e00-\u9fff]")),
    ("Japanese", re.compile("[\u3040-\u30ff]")),
    ("Korean", re.compile("[\uac00-\ud7af]")),
    ("Russian or another Cyrillic language", re.compile("[\u0400-\u04ff]")),
    ("Arabic or Persian", re.compile("[\u0600-\u06ff]")),
    ("Hebrew", re.compile("[\u0590-\u05ff]")),
    ("Hindi or another Devanagari language", re.compile("[\u0900-\u097f]")),
    ("Greek", re.compile("[\u0370-\u03ff]")),
    ("Thai", re.compile("[\u0e00-\u0e7f]")),
)
_LETTERS = re.compile(r"[^\W\d_]")
_NO_LETTERS = bytes(byte for byte in range(256) if not chr(byte).isalpha() or byte > 127)
_SMALL_WORDS = {
    "English": "the of and to is in that it for was with are this you be as have not they from",
    "Spanish": "el la los las de que y en un una por con para es su se del al como más",
    "French": "le la les des du et est un une que qui dans pour pas vous sur avec ce sont au",
    "German": "der die das und ist nicht ein eine zu den mit von auf für dem des sie ich sich auch",
    "Italian": "il la di che e un una per non sono del della con gli è anche nel le si più",
    "Portuguese": "o a de que e do da em um uma para com não os as no na por mais se",
    "Dutch": "de het een en van ik je dat niet zijn op te voor met maar die er om aan ook",
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _name, _words in _SMALL_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_name)
_WORDS = re.compile(r"[^\W\d_]+")
_MENTIONS = re.compile(
    r"(?i)translat|language|traduc|traduz|traduire|übersetz|перевод|перевед|翻译|翻譯|翻訳|번역|ترجم|अनुवाद|pinyin|kanji"
    r"|hiragana"
    r"|\b(?:english|spanish|french|german|italian|portuguese|dutch|chinese|mandarin|japanese|korean|russian|arabic"
    r"|hindi|latin"
    r"|greek|hebrew|turkish|polish|swedish|vietnamese|thai|espa[nñ]ol|fran[cç]ais|deutsch|italiano|portugu[eê]s"
    r"|ingl[eé]s|anglais"
    r"|englisch|inglese)\b|英文|英语|英語|中文|日语|法语|俄语|английск|русск"
)
_MIN_LETTERS = 60
_MIN_SMALL_WORDS = 6


@lru_cache(maxsize=256)
def mentions_language(prompt: str) -> bool:
    """Whether a prompt speaks of languages, so that an answer in another one is what was asked for."""
    return bool(_MENTIONS.search(prompt))


def language_of(text: str) -> str:
    """The language's name, or the script's; "" when the text is short, mixed, or of an unknown one."""
    text = text[:4000]
    letters = len(_LETTERS.findall(text)) if not text.isascii() else len(text.encode().translate(None, _NO_LETTERS))
    if letters < _MIN_LETTERS:
        return ""
    if not text.isascii():
        for name, pattern in _SCRIPTS:
            share = len(pattern.findall(text)) / letters
            if name == "Chinese" and share > 0.3 and _SCRIPTS[1][1].search(text):
                return "Japanese"
            if share > (0.5 if name not in ("Japanese",) else 0.2):
                return name
            if share > 0.1:
                return ""  # two scripts
    counts: dict[str, int] = {}
    for word in filter(_LANGUAGES_OF.__contains__, _WORDS.findall(text.lower())):
        for name in _LANGUAGES_OF[word]:
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < _MIN_SMALL_WORDS:
        return ""
    return ranked[0][0] if len(ranked) == 1 or ranked[0][1] >= 2 * ranked[1][1] else ""


def has_english(text: str) -> bool:
    """Whether one of the commonest English words is in the text, or a word that begins as they do (the, that, this):
    quick, and enough to rule most texts out."""
    return " th" in text or " and " in text or " of " in text or " to " in text or " for " in text


def has_romance_or_german(text: str) -> bool:
    """Whether a text may be in one of the other languages: their commonest words, or letters beyond ASCII."""
    return (
        not text.isascii() or " de " in text or " la " in text or " que " in text or " der " in text or " und " in text
        or " di " in text or " het " in text
    )  # fmt: skip
