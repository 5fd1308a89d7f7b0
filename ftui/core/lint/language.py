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
_SMALL_WORDS = {
    "English": "the of and to is in that it for was with are this you be as have not they from",
    "Spanish": "el la los las de que y en un una por con para es su se del al como más",
    "French": "le la les des du et est un une que qui dans pour pas vous sur avec ce sont au",
    "German": "der die das und ist nicht ein eine zu den mit von auf für dem des sie ich sich auch",
    "Italian": "il la di che e un una per non sono del della con gli è anche nel le si più",
    "Portuguese": "o a de que e do da em um uma para com não os as no na por mais se",
    "Dutch": "de het een en van ik je dat niet zijn op te voor met maar die er om aan ook",
}
_SETS = {name: frozenset(words.split()) for name, words in _SMALL_WORDS.items()}
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
    letters = len(_LETTERS.findall(text)) if not text.isascii() else sum(map(str.isalpha, text))
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
    words = _WORDS.findall(text.lower())
    counts = sorted(((sum(word in known for word in words), name) for name, known in _SETS.items()), reverse=True)
    best, second = counts[0], counts[1]
    return best[1] if best[0] >= _MIN_SMALL_WORDS and best[0] >= 2 * second[0] else ""
