"""Secrets and personal data in text: found by shape and by checksum, and masked before anything is shown or stored.

`redact` is for logs, events, reports and excerpts. It keeps the length of a text, so positions stay true.
A clean text costs little: patterns are only tried when what `marks_of` leaves of the text could hold such a thing.
Shapes of provider tokens follow the providers' own documentation and gitleaks' rule set (MIT).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ftui.core.checksums import card_is_valid, iban_is_valid, national_id, ssn_is_valid
from ftui.core.secret_shapes import (
    ASSIGNED_NAME,
    ASSIGNED_VALUE,
    CREDENTIALS_IN_URL,
    HEADER,
    PLACEHOLDER,
    PRIVATE_KEY,
    TOKENS,
)

KEPT_CHARACTERS = 4
"""How much of a secret stays readable: enough to say which one it is."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A secret or a piece of personal data at text[start:end].

    kind: what it is, in words ("GitHub token", "e-mail address"). documented: it is a published example (example.com,
    a test card number, AWS's own sample key): worth showing, but no leak.
    """

    kind: str
    start: int
    end: int
    documented: bool = False


_LOWER_AND_SPACE = b"abcdefghijklmnopqrstuvwxyz "
# Random letters and digits keep a run of six or more when the lower-case ones are taken out; prose does not.
_TOKEN_LIKE = re.compile(rb"[A-Z0-9_+/=-]{6}")
_ASSIGNED_DIGIT = re.compile(rb"[=:]>?[\"']{0,2}[A-Z_+/~!@#$%^&*-]{0,40}\d")
_DIGIT_RUN = re.compile(rb"\d(?:[.()/-]{0,2}[\dX]){7}")


def marks_of(text: str) -> bytes:
    """The text as UTF-8 without lower-case ASCII letters and spaces: a short stand-in for quick searches."""
    return text.encode("utf-8", "surrogatepass").translate(None, _LOWER_AND_SPACE)


_ANY = re.compile(b"|".join((rb"@", _TOKEN_LIKE.pattern, _ASSIGNED_DIGIT.pattern, _DIGIT_RUN.pattern)))


def may_hold_any(marks: bytes) -> bool:
    """Whether `may_hold_secrets` or `may_hold_personal` may say yes: one look instead of four."""
    return len(marks) >= 6 and _ANY.search(marks) is not None


# What is left of the fixed beginnings of provider tokens (`TOKENS`): a hyphen, an underscore, a few capitals.
_BEGINNINGS = re.compile(rb"[_-]|A[KS]IA|AI|AK=|:AA|29\.|SG\.|J[A-Z0-9_-]{3}|\.[A-Z0-9_-]{6}|COM/|\./|\d{8}")


def _may_hold_tokens(marks: bytes) -> bool:
    return bool(_TOKEN_LIKE.search(marks) and _BEGINNINGS.search(marks))


def may_hold_secrets(marks: bytes) -> bool:
    """Whether a text with these marks can hold anything that `find_secrets` finds; quick, and rarely wrong."""
    return _may_hold_tokens(marks) or (b"@" in marks and b"://" in marks) or bool(_ASSIGNED_DIGIT.search(marks))


def may_hold_personal(marks: bytes) -> bool:
    """Whether a text with these marks can hold anything that `find_personal` finds."""
    return b"@" in marks or bool(_DIGIT_RUN.search(marks))


_SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PWD|CREDENTIALS?|WEBHOOK|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)(?:_ID)?$"
)


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the variables that are called a secret (HF_TOKEN, OPENAI_API_KEY): masked whatever they look like."""
    found = {value.strip() for name, value in environment.items() if _SECRET_NAME.search(name)}
    # Short values would mask ordinary words, and a path (PWD, a token file) is no secret.
    return tuple(sorted((value for value in found if len(value) >= 8 and value[0] != "/"), key=len, reverse=True))


def redact(text: str, personal: bool = False, known: Iterable[str] = ()) -> str:
    """Mask secrets, and personal data when asked, keeping the first four characters and the length of the text.

    known: secrets by value, such as `secrets_of(os.environ)`.
    """
    marks = marks_of(text)
    hits = find_secrets(text, marks, in_logs=True)
    for value in known:
        hits += [Hit("known secret", *found.span()) for found in re.finditer(re.escape(value), text)]
    if personal:
        hits += find_personal(text, marks)
    if not hits:
        return text
    characters = list(text)
    for hit in hits:
        first = min(hit.start + KEPT_CHARACTERS, hit.start + (hit.end - hit.start) // 3)
        for position in range(first, hit.end):
            if characters[position] not in "\r\n":
                characters[position] = "*"
    return "".join(characters)


def find_secrets(text: str, marks: bytes | None = None, in_logs: bool = False) -> list[Hit]:
    """Tokens, keys and passwords in `text`, in order.

    marks: `marks_of(text)`, when it is at hand. in_logs: also what is only called a password, however weak it is: in
    a log that is never an example.
    """
    marks = marks_of(text) if marks is None else marks
    hits: list[Hit] = []
    if _may_hold_tokens(marks):
        for literal, kind, pattern in TOKENS:
            if literal in text:
                hits += _tokens(text, kind, pattern)
        if b"PRIVATEKEY" in marks:
            hits += [Hit("private key", *found.span()) for found in PRIVATE_KEY.finditer(text)]
    if b"@" in marks and b"://" in marks:
        hits += [
            Hit("password in a URL", *found.span(1), documented=_is_example(found.group()))
            for found in CREDENTIALS_IN_URL.finditer(text)
            if not PLACEHOLDER.search(found.group(1))
        ]
    if (in_logs and (b"=" in marks or b":" in marks)) or _ASSIGNED_DIGIT.search(marks):
        hits += _assigned(text, in_logs)
    return _without_overlaps(hits) if len(hits) > 1 else hits


def _tokens(text: str, kind: str, pattern: re.Pattern[str]) -> Iterator[Hit]:
    for found in pattern.finditer(text):
        token = found.group()
        if _is_example(token):
            yield Hit(kind, *found.span(), documented=True)
        elif not PLACEHOLDER.search(token) and _entropy(token) >= 3.0:
            yield Hit(kind, *found.span())


def _assigned(text: str, in_logs: bool) -> Iterator[Hit]:
    lower = text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)
    if "authorization" in lower:
        for found in HEADER.finditer(text):
            if not PLACEHOLDER.search(found.group(1)):
                yield Hit("authorization header", *found.span(1))
    for name in ASSIGNED_NAME.finditer(lower):
        found_value = ASSIGNED_VALUE.match(text, name.end())
        if not found_value:
            continue
        value, is_password = found_value.group(), name.group().startswith(("pass", "pwd"))
        if PLACEHOLDER.search(value) or value.endswith((")", "(")):
            continue
        if in_logs and is_password:
            yield Hit("password", *found_value.span())
        elif len(value) >= (12 if is_password else 20) and _looks_random(value, 3.0 if is_password else 3.5):
            yield Hit("password" if is_password else "key", *found_value.span(), documented=_is_example(value))


def find_personal(text: str, marks: bytes | None = None) -> list[Hit]:
    """E-mail addresses, telephone numbers, cards, bank accounts and national ids in `text`, in order.

    Numbers count only in a shape that people write such numbers in, and with a right checksum where there is one.
    """
    marks = marks_of(text) if marks is None else marks
    hits: list[Hit] = []
    if b"@" in marks:
        hits += [Hit("e-mail address", *found.span(), documented=bool(_EXAMPLE_MAIL.search(found.group())))
                 for found in _MAIL.finditer(text)]  # fmt: skip
    for found in _DIGITS.finditer(text) if _DIGIT_RUN.search(marks) else ():
        hit = _number(text, found)
        if hit is not None:
            hits.append(hit)
    return _without_overlaps(hits) if len(hits) > 1 else hits


_MAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])")
_EXAMPLE_MAIL = re.compile(r"(?i)@(?:[\w-]+\.)*(?:example\.(?:com|org|net|edu)|example|test|invalid|localhost"
                           r"|domain\.com|yourdomain\.com|email\.com|company\.com)$")  # fmt: skip
# Eight digits or more with at most two characters between two of them. It begins with a digit, so that a text without
# digits is passed over at the speed of a character search; what stands before it is looked at afterwards.
_DIGITS = re.compile(r"\d(?:[ .()/-]{0,2}[\dX]){7,24}")
_PHONE = re.compile(
    r"(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}"
    r"|00\d{2}[ ]\d{1,4}(?:[ -]\d{2,4}){1,4}"
    r"|(?:1[ .-])?\(\d{3}\) ?\d{3}[ .-]\d{4}"
    r"|(?:1[ .-])?[2-9]\d{2}([.-])[2-9]\d{2}\1\d{4}"
    r"|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4})(?!\d)"
)
# The North American 555, 123-456-7890, and Ofcom's numbers for drama: https://www.ofcom.org.uk.
_FICTIONAL_PHONE = re.compile(
    r"^1?(?:555\d{7}|\d{3}555\d{4}|1234567890)$|^\+?(?:44)?0?(?:1632960|2079460"
    r"|7700900)\d{3}$"
)
_IBAN = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}(?![\d-])")
_EXAMPLE_IBANS = {"GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606",
                  "NL91ABNA0417164300", "ES9121000418450200051332", "IT60X0542811101000000123456",
                  "BE68539007547034", "CH9300762011623852957", "GB33BUKB20201555555555",
                  "GB29NWBK60161331926819"}  # fmt: skip
_EXAMPLE_CARDS = {"4111111111111111", "4242424242424242", "4000056655665556", "4012888888881881", "5555555555554444",
                  "5105105105105100", "2223003122003222", "378282246310005", "371449635398431", "6011111111111117",
                  "6011000990139424", "30569309025904", "38520000023237", "3530111333300000", "3566002020360505",
                  "4000000000000002", "4222222222222", "5200828282828210", "4539578763621486"}  # fmt: skip


def _number(text: str, found: re.Match[str]) -> Hit | None:
    start, end = found.span()
    before = text[max(0, start - 3) : start]
    if before[-1:].isalnum() or before[-1:] == "_" or (before[-1:] in (".", ",") and before[-2:-1].isdigit()):
        return _iban(text, start)
    iban = _iban(text, start) if before[-2:].isupper() else None
    if iban:
        return iban
    run = found.group()
    digits = "".join(c for c in run if c.isdigit())
    if ssn := _SSN.match(text, start):
        return Hit("US social security number", *ssn.span(), documented=ssn.group() in ("078-05-1120", "219-09-9999")) \
            if ssn_is_valid(ssn.group()) else None  # fmt: skip
    if _grouped_as_card(run) and 13 <= len(digits) <= 19 and card_is_valid(digits):
        return Hit("payment card", start, end, documented=digits in _EXAMPLE_CARDS)
    kind = national_id(text[start : end + 2])
    if kind:
        return Hit(kind, start, end)
    opening = next((n for n in (2, 1) if before[-n:] in ("+(", "+", "(")), 0)
    if text[max(0, start - opening - 1) : start - opening].isalnum():
        return None  # 12500+2100: a sum
    phone = _PHONE.match(text, start - opening)
    if (
        phone
        and 8 <= sum(c.isdigit() for c in phone.group()) <= 15
        and not re.match(r"[.,:%]\d|[A-Za-z_]", text[phone.end() :])
    ):
        bare = "".join(c for c in phone.group() if c.isdigit())
        return Hit("telephone number", *phone.span(), documented=bool(_FICTIONAL_PHONE.search(bare)))
    return None


def _iban(text: str, start: int) -> Hit | None:
    """An IBAN whose first digits stand at `start`, or near it when its bank code has letters."""
    for begin in range(max(0, start - 12), max(1, start - 1)):
        found = _IBAN.match(text, begin)
        if found and not text[max(0, begin - 1) : begin].isalnum():
            bare = found.group().replace(" ", "")
            while len(bare) >= 15 and not iban_is_valid(bare):
                # A word in capitals may follow: leave out its last group.
                shorter = found.group()[: found.group().rfind(" ")] if " " in found.group() else ""
                found = re.compile(re.escape(shorter)).match(text, begin) if shorter else None
                bare = shorter.replace(" ", "")
                if found is None:
                    break
            if found and iban_is_valid(bare):
                return Hit("IBAN", *found.span(), documented=bare in _EXAMPLE_IBANS)
    return None


def _grouped_as_card(run: str) -> bool:
    """A card number is written in one piece, or in groups of four (American Express: 4-6-5)."""
    groups = [len(group) for group in re.split("[ -]", run)]
    fours = all(size == 4 for size in groups[:-1]) and 1 <= groups[-1] <= 4
    return run[0] != "0" and "." not in run and (len(groups) == 1 or fours or groups in ([4, 6, 5], [4, 6, 4]))


def _is_example(token: str) -> bool:
    return "EXAMPLE" in token or "example" in token


def _looks_random(value: str, least_entropy: float) -> bool:
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and _entropy(value) >= least_entropy


def _entropy(text: str) -> float:
    """Shannon entropy in bits per character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _without_overlaps(hits: list[Hit]) -> list[Hit]:
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    return kept
