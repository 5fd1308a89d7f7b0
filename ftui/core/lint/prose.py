"""Looking at prose only: code inside a text is blanked out, so that rules about words do not object to programs."""

from __future__ import annotations

import re

_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|``[^\n]+?``|`[^`\n]+`", re.S)
_CODE_WORDS = re.compile(
    r"\b(?:def|class|import|return|function|const|let|var|public|static|void|printf|select|echo)\b[^.\n]*[(){};=]"
)


def without_code(text: str) -> str:
    """The text with fenced and inline code replaced by spaces; positions stay true."""
    if "`" not in text and "~~~" not in text:
        return text
    return _CODE.sub(lambda found: " " * len(found.group()), text)


def looks_like_code(text: str) -> bool:
    """Whether a text without fences is a program rather than prose."""
    return len(_CODE_WORDS.findall(text[:4000])) >= 1 or text.lstrip()[:1] in ("<", "{", "#!")
