"""UTF-8 that was read as Windows-1252 and written again: found, and turned back."""

from __future__ import annotations

import re

# Bytes 0x80 to 0xBF as Windows-1252 (and, where it has none, Latin-1) writes them: what may follow a lead byte.
_HIGH = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ"
_BYTE_OF = {character: 0x80 + index for index, character in enumerate(_HIGH)} | {chr(n): n for n in range(0x80, 0x100)}
_NEXT = f"[{_HIGH}\x80-\xbf]"
# German and Portuguese write a closing quote after an umlaut or a tilde: those pairs are no mojibake by themselves.
_NEXT_IN_WORD = f"[{_HIGH.translate(str.maketrans('', '', '‚„…‘’“”–—'))}\xa1-\xbf]"
PATTERN = re.compile(
    f"Ã{_NEXT_IN_WORD}|Â[\x80-\xbf]|[ÄÅ][™\xa1-\xaa\xac-\xba\xbc-\xbf]|â[€‚„†ˆœ˜\x80\x82\x84\x86\x88\x98\x9c]{_NEXT}|ï[»¿]{_NEXT}"
    f"|ð[Ÿ\x9f]{_NEXT}{{2}}|(?:[ÐÑ]{_NEXT}){{3,}}|(?:[ã-é]{_NEXT}{{2}}){{2,}}"
)


def repaired(text: str) -> str:
    """The text with every stretch of mojibake decoded; what does not decode stays as it is."""
    return PATTERN.sub(_decoded, text)


def _decoded(found: re.Match[str]) -> str:
    try:
        return bytes(_BYTE_OF[character] for character in found.group()).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return found.group()
