"""Check digits of cards, bank accounts and national ids: what tells a number from a number that means somebody."""

from __future__ import annotations

import re

# Length of an IBAN by country (SWIFT IBAN registry); a country that is not here is checked by its digits alone.
_IBAN_LENGTHS = {"AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
                 "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23,
                 "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15,
                 "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26,
                 "UA": 29, "BR": 29, "QA": 29, "KW": 30, "PK": 24, "KZ": 20}  # fmt: skip


def luhn_is_valid(digits: str) -> bool:
    """ISO/IEC 7812 mod 10 check of a string of digits."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def card_is_valid(digits: str) -> bool:
    """Whether digits are a card number: an issuer's first digits, its length, and the Luhn check."""
    if len(set(digits)) < 2:
        return False
    two, four = int(digits[:2]), int(digits[:4])
    length = len(digits)
    known = (
        (digits[0] == "4" and length in (13, 16, 19))
        or (51 <= two <= 55 and length == 16)
        or (2221 <= four <= 2720 and length == 16)
        or (two in (34, 37) and length == 15)
        or (two in (36, 38, 39) and length == 14)
        or (300 <= four // 10 <= 305 and length == 14)
        or ((four == 6011 or two == 65 or 644 <= four // 10 <= 649) and 16 <= length <= 19)
        or (3528 <= four <= 3589 and 16 <= length <= 19)
        or (two == 62 and 16 <= length <= 19)
    )
    return known and luhn_is_valid(digits)


def iban_is_valid(iban: str) -> bool:
    """ISO 13616: the country's length, and mod 97 of the rearranged number is 1. `iban` has no spaces."""
    if not 15 <= len(iban) <= 34 or _IBAN_LENGTHS.get(iban[:2], len(iban)) != len(iban) or not iban.isalnum():
        return False
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def ssn_is_valid(ssn: str) -> bool:
    """A US social security number as NNN-NN-NNNN that may have been issued (no area 000, 666, 9xx; no zero group)."""
    area, group, serial = ssn.split("-")
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


_CPF = re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)")
_CHINESE = re.compile(r"[1-6]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX](?!\w)")
_FRENCH = re.compile(r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\d)")


def national_id(text: str) -> str:
    """The kind of national id that `text` begins with, checked by its check digits; "" when it is none.

    Brazilian CPF (as 000.000.000-00), Chinese resident id (18 characters), French NIR (15 digits).
    """
    if _CPF.match(text):
        digits = [int(c) for c in text[:14] if c.isdigit()]
        if len(set(digits)) > 1 and all(
            sum(d * w for d, w in zip(digits[:n], range(n + 1, 1, -1), strict=True)) * 10 % 11 % 10 == digits[n]
            for n in (9, 10)
        ):
            return "Brazilian CPF"
    if found := _CHINESE.match(text):
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        if (
            "10X98765432"[sum(int(d) * w for d, w in zip(found.group()[:17], weights, strict=True)) % 11]
            == found.group()[17]
        ):
            return "Chinese resident id"
    if found := _FRENCH.match(text):
        digits_only = found.group().replace(" ", "")
        if 97 - int(digits_only[:13]) % 97 == int(digits_only[13:]):
            return "French social security number"
    return ""
