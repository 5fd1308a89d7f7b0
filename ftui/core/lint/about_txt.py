"""The TXT rules in words: characters and leftovers, with a bad and a good row each."""

from __future__ import annotations

from ftui.core.lint.examples import chat
from ftui.core.lint.model import Rule, Severity

E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741  (the table's own letters)

RULES: tuple[Rule, ...] = (
    Rule(
        "TXT401", "mojibake", W, "UTF-8 that was read with the wrong encoding.",
        'A text was decoded as Windows-1252 somewhere: "It’s" became "Itâ€™s". The model learns to write it that way.',
        chat("Is it late?", "Itâ€™s late."), chat("Is it late?", "It’s late."), "decode it again", "safe",
    ),
    Rule(
        "TXT402", "replacement-character", W, "A character was lost (U+FFFD).",
        "Somebody decoded with errors='replace': what stood there is gone. Take the row from its source again.",
        chat("Who?", "Ren\ufffd did."), chat("Who?", "René did."),
    ),
    Rule(
        "TXT403", "html-residue", W, "HTML tags or entities in prose.",
        "Left over from a web page. The model learns to write <br> and &nbsp; where people read them. Rows about HTML,"
        " and code, are left alone.",
        chat("Why?", "Because of rain.<br>And wind &amp; snow."), chat("Why?", "Because of rain.\nAnd wind & snow."),
        "remove tags and decode entities", "unsafe",
    ),
    Rule(
        "TXT404", "zero-width-characters", W, "Invisible characters in a text.",
        "Zero-width spaces, joiners and soft hyphens come from web pages and word processors. They split words into"
        " rare tokens, and two texts that look the same are not. Joiners in emoji, Persian and Indic words are"
        " spelling and stay.",
        chat("Where?", "In the gar\u200bden."), chat("Where?", "In the garden."), "remove them", "safe",
    ),
    Rule(
        "TXT405", "bidi-controls", W, "Characters that turn the direction of writing around.",
        "They can show a text in another order than it is stored in; the model learns the stored one. Right-to-left"
        " text may need marks and isolates, but hardly overrides.",
        chat("Name?", "abc\u202edcba\u202c"), chat("Name?", "abcabcd"), "remove them", "unsafe",
    ),
    Rule(
        "TXT406", "tag-characters", E, "Invisible tag characters, which can carry hidden instructions.",
        "U+E0000 to U+E007F are invisible copies of ASCII. Nobody sees them, but a tokenizer does: it is a known way"
        " to smuggle text in. Flags made of them (England, Scotland, Wales) are left alone.",
        chat("Hi", "Hello.\U000e0068\U000e0069"), chat("Hi", "Hello."), "remove them", "safe",
    ),
    Rule(
        "TXT407", "control-characters", E, "Control or terminal-escape characters in a text.",
        "Colour codes from logs, cursor movements, clipboard writes. They teach the model noise, and do harm on the"
        " screen of whoever prints its answers.",
        chat("Status?", "\x1b[32mok\x1b[0m"), chat("Status?", "ok"), "remove them", "safe",
    ),
    Rule(
        "TXT408", "not-nfc", I, "Characters in a decomposed or compatibility form.",
        "é as e plus an accent, ﬁ as one character, ｆｕｌｌ-width letters: other tokens for the same text, and"
        " duplicates that are not found. Copied from PDF files, or made by macOS.",
        chat("What?", "A cafe\u0301."), chat("What?", "A café."), "normalise to NFC", "unsafe",
    ),
    Rule(
        "TXT409", "mixed-script", I, "A word mixes letters of two scripts that look alike.",
        "A Cyrillic а inside a Latin word: a slip of the keyboard, or a way around filters. The tokenizer splits such"
        " words into bytes.",
        chat("Which?", "The b\u0430nk."), chat("Which?", "The bank."),
    ),
    Rule(
        "TXT410", "special-token-in-text", E, "A model's control token stands in the text.",
        "<|endoftext|>, </s>, <|im_start|> in the content become the real control token: a turn ends in the middle,"
        " or a second one begins. At the text's edge it is a leftover of another tool and can go; inside somebody must"
        " look. Tokens in code (`</s>`) are taken as a topic.",
        chat("Hi", "Hello.<|endoftext|>"), chat("Hi", "Hello."),
        "remove the token (unsafe where it stands inside the text)", "unsafe",
    ),
    Rule(
        "TXT411", "template-text", W, "Words of a prompt template are part of the text.",
        '"### Response:" or "Assistant:" belong to a template, which the trainer adds by itself: the model would learn'
        " to write them as well.",
        chat("### Instruction:\nSay hi.\n### Response:", "Hi."), chat("Say hi.", "Hi."), "remove the heading", "unsafe",
    ),
    Rule(
        "TXT412", "format-code", I, "A template's own code was left in the text.",
        "{% if %}, ${name} and %s are what a program should have filled in or removed.",
        chat("Hi", "Hello {% if user %}friend{% endif %}."), chat("Hi", "Hello friend."),
    ),
    Rule(
        "TXT413", "edge-whitespace", I, "Spaces or blank lines at the edge, or several blank lines in a row.",
        "A space before the answer shifts its first token; one after it teaches the model to go on before it stops."
        " Most templates cut the edges, some do not.",
        chat("Hi", "Hello. \n"), chat("Hi", "Hello."), "trim the text and its runs of blank lines", "safe",
    ),
    Rule(
        "TXT414", "odd-code-fence", W, "A code block is opened and never closed.",
        "The number of ``` is odd: the answer was cut off, or a fence was lost. The model learns to leave it open.",
        chat("Code?", "```\nx = 1"), chat("Code?", "```\nx = 1\n```"),
    ),
)  # fmt: skip
