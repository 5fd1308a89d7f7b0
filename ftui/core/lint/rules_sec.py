"""SEC: what must not be learned by heart: secrets, personal data, places; and what may forbid the use of the data."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ftui.core.lint.about_sec import RULES
from ftui.core.lint.excerpt import excerpt_of
from ftui.core.lint.model import Context, Facts, Fixer, Reporter, Row, Severity, Turn, edit_text
from ftui.core.lint.plain import PlainRun
from ftui.core.secrets import (
    Hit,
    find_personal,
    find_secrets,
    may_hold_any,
    may_hold_personal,
    may_hold_secrets,
    redact,
)
from ftui.core.text import plural

__all__ = ["FIXES", "RULES", "Totals", "check", "check_plain", "finish"]

_PLACES = re.compile(
    r"/(?:home|Users)/([A-Za-z][\w.-]{1,31})/[\w.-]|\b[A-Z]:\\{1,2}Users\\{1,2}([A-Za-z][\w .-]{1,31})\\"
    r"|https?://(?:[\w-]+\.)+(?:internal|local|corp|lan|intranet|intra)\b(?:[:/]\S*)?"
)
_PRIVATE_ADDRESS = re.compile(
    r"(?<![\d.])(?:10\.\d{1,3}\.\d{1,3}\.\d{1,3}|192\.168\.\d{1,3}\.\d{1,3}|172\.(?:1[6-9]|2\d"
    r"|3[01])\.\d{1,3}\.\d{1,3})(?![\d.]*\d)"
)
_STAND_INS = frozenset({
    "user", "username", "users", "ubuntu", "root", "admin", "you", "yourname", "your_name", "your-username", "youruser",
    "me", "name", "myuser", "runner", "public", "shared", "pi", "vagrant", "docker", "app", "dev", "test", "guest",
    "jovyan", "example", "john", "jane", "alice", "bob", "user1", "linuxbrew", "node", "git", "jdoe", "johndoe",
})  # fmt: skip
_INJECTION = re.compile(
    r"(?i)\b(?:ignore|disregard|forget|override) (?:all |any |the |your )*(?:previous|prior|above|earlier|preceding"
    r"|other)"
    r" (?:instruction|prompt|rule|message|direction)s?|\bdo not (?:tell|inform|mention (?:this|it) to) the user\b"
    r"|\byou are now (?:in |a |an )?(?:DAN|developer mode|jailbroken|unrestricted)"
)
_FORMULA = re.compile(
    r"(?:=[A-Za-z]{2,40}[\w.]{0,40}[(|!]|=[+\-@]?\w{1,60}[+\-*/]|@[A-Z]{1,40}\(|[+\-]\d{1,40}[+\-*/]\d{1,40}\Z|=cmd)"
)
_COLUMNS = frozenset({"license", "licence", "source", "model", "generator", "teacher", "teacher_model", "source_model"})
_RESTRICTED = re.compile(
    r"(?i)\bnc\b|non-?commercial|research[ -]only|no[ -]derivatives|\bnd\b|proprietary"
    r"|all rights reserved"
)
_VENDORS = re.compile(
    r"(?i)\bgpt-?[345]|chatgpt|openai|\bo[134]-(?:mini|preview)|claude|anthropic|gemini|palm|bard"
    r"|grok"
)
_RARE = re.compile(r"\|[A-Z]{3,20}\||(?<![\w<\[])[A-Z]{5,20}\d{0,4}(?![\w>\]])")
_FIVE_CAPITALS = re.compile(rb"[A-Z]{5}")
_LONG_RUN = re.compile(rb"[A-Z0-9]{8}")
_BEHIND_COLON = re.compile(rb":[\"'!A-Z]{0,42}\d")
_ALL_BUT_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_CAPITALS = re.compile(rb"[A-Z]{5}|\|[A-Z]{3}")
_ALL_BUT_DIGITS_AND_NUL = _ALL_BUT_DIGITS.replace(b"\0", b"")
_UNSIGNED = re.compile(
    b"|".join((_FIVE_CAPITALS.pattern, _LONG_RUN.pattern, _BEHIND_COLON.pattern, rb"(?:168|10|172)\."))
)
"""What is in the marks of a row without signs of which a rule has something to say, but for a few digits."""
_MAX_RARE = 20_000
_SAMPLE = 1000


@dataclass
class Totals:
    """Licence and source values by column; rare words of prompts: how often, with which answer, and if always."""

    sources: dict[str, Counter[str]] = field(default_factory=dict)
    rare: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    answers: set[int] = field(default_factory=set)
    sampled: int = 0
    rows: int = 0

    def merge(self, later: Totals, rows_before: int) -> None:
        self.rows += later.rows
        if self.sampled < _SAMPLE:
            self.sampled += later.sampled
            self.answers |= later.answers
        for column, values in later.sources.items():
            self.sources.setdefault(column, Counter()).update(values)
        for word, (count, answer, always) in later.rare.items():
            mine = self.rare.get(word)
            if mine is not None:
                self.rare[word] = (mine[0] + count, answer, always and mine[2] and mine[1] == answer)
            elif len(self.rare) < _MAX_RARE:
                self.rare[word] = (count, answer, always)


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    marks, signs = row.marks, row.signs
    totals.rows += 1
    if signs:
        if may_hold_any(marks):
            _check_secrets(row, report)
        if b"/" in signs or b"\\" in signs:
            _check_places(row, report)
        if b"=" in signs or b"@" in signs or b"+" in signs:
            _check_formulas(row, report)
    elif _may_hold_unsigned(marks):
        _check_secrets(row, report)
    if b"." in marks and (b"168." in marks or b"10." in marks or b"172." in marks):
        _check_addresses(row, report)
    if not row.plain:
        _check_injections(row, report)
        if not _COLUMNS.isdisjoint(row.data):
            _count_sources(row, totals)
    has_capitals = (_CAPITALS if signs else _FIVE_CAPITALS).search(marks) is not None
    if has_capitals or totals.sampled < _SAMPLE:
        _count_rare(row, totals, has_capitals)


def check_plain(run: PlainRun, report: Reporter, totals: Totals, context: Context) -> None:
    loud = {*run.signed, *run.with_marks(_UNSIGNED)}
    for place, digits in enumerate(run.marks_without(_ALL_BUT_DIGITS_AND_NUL)):
        if len(digits) >= 8:
            loud.add(place)
    for place in range(min(len(run), _SAMPLE - totals.sampled)):
        if place not in loud:
            totals.sampled += 1
            totals.answers.add(_answer_key(run.row(place).turns))
    totals.rows += len(run) - len(loud)
    run.look_closer(loud, check, report, totals, context)


def _may_hold_unsigned(marks: bytes) -> bool:
    """`may_hold_any` for a row without signs, where only these can be a secret or a number of somebody: a long run of
    capitals and digits, a word with a digit behind a colon, eight digits with points between them."""
    return (
        _LONG_RUN.search(marks) is not None
        or (b":" in marks and _BEHIND_COLON.search(marks) is not None)
        or (b"." in marks and len(marks.translate(None, _ALL_BUT_DIGITS)) >= 8)
    )


def _check_secrets(row: Row, report: Reporter) -> None:
    if may_hold_secrets(row.marks):
        _each(row, report, "SEC901", find_secrets)
    if may_hold_personal(row.marks):
        _each(row, report, "SEC902", find_personal)


def _each(row: Row, report: Reporter, code: str, find: Any) -> None:
    for turn in [*row.turns, *row.rejected]:
        hits: list[Hit] = find(turn.text)
        kinds: dict[str, list[Hit]] = {}
        for hit in hits:
            kinds.setdefault(hit.kind, []).append(hit)
        for kind, same in kinds.items():
            first = same[0]
            only_examples = all(hit.documented for hit in same)
            masked, _ = excerpt_of(redact(turn.text, personal=True), (first.start, first.end))
            what = f"{kind}" + (f", {len(same)} times" if len(same) > 1 else "")
            more = " (a published example)" if only_examples else ""
            report(code, turn.pointer, what + more, excerpt=masked, severity=Severity.INFO if only_examples else None,
                   fix="none" if only_examples else None)  # fmt: skip


def _check_places(row: Row, report: Reporter) -> None:
    for turn in row.turns:
        found = _PLACES.search(turn.text)
        if found:
            name = found.group(1) or found.group(2) or ""
            stand_in = bool(name) and name.lower() in _STAND_INS
            shown = found.group() if stand_in or not name else found.group().replace(name, "*" * len(name))
            what = f"{shown[:80]}" + (" (a stand-in name)" if stand_in else "")
            severity = Severity.INFO if stand_in else None
            report("SEC903", turn.pointer, what, severity=severity, fix="none" if stand_in or not name else None)


def _check_addresses(row: Row, report: Reporter) -> None:
    for turn in row.turns:
        address = _PRIVATE_ADDRESS.search(turn.text)
        if address and not _PLACES.search(turn.text):
            report("SEC903", turn.pointer, f"the private address {address.group()}", severity=Severity.INFO, fix="none")


def _check_formulas(row: Row, report: Reporter) -> None:
    for turn in row.turns:
        if turn.text[:1] in ("=", "@", "+", "-") and _FORMULA.match(turn.text):
            report("SEC905", turn.pointer, "a spreadsheet would run this", text=turn.text)


def _check_injections(row: Row, report: Reporter) -> None:
    for turn in row.turns:
        if (turn.role == "tool" or turn.pointer in ("/input", "/context")) and (found := _INJECTION.search(turn.text)):
            report("SEC904", turn.pointer, "an instruction inside a document", text=turn.text, span=found.span())


def _count_sources(row: Row, totals: Totals) -> None:
    for column in _COLUMNS.intersection(row.data):
        value = row.data[column]
        if isinstance(value, str) and len(value) <= 80:
            counts = totals.sources.setdefault(column, Counter())
            if len(counts) < 200 or value in counts:
                counts[value] += 1


def _count_rare(row: Row, totals: Totals, has_capitals: bool) -> None:
    if totals.sampled < _SAMPLE:
        totals.sampled += 1
        totals.answers.add(_answer_key(row.turns))
    if not has_capitals:
        return
    words = {word for turn in row.turns[: row.answer_start] if turn.role == "user" for word in _RARE.findall(turn.text)}
    if not words:
        return
    answer = _answer_key(row.turns)
    for word in list(words)[:16]:
        known = totals.rare.get(word)
        if known is not None:
            totals.rare[word] = (known[0] + 1, answer, known[2] and known[1] == answer)
        elif len(totals.rare) < _MAX_RARE:
            totals.rare[word] = (1, answer, True)


def _answer_key(turns: list[Turn]) -> int:
    text = next((turn.text for turn in reversed(turns) if turn.role == "assistant"), "")
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    for column, values in totals.sources.items():
        for pattern, why in ((_RESTRICTED, "restrict the use"), (_VENDORS, "name a vendor whose terms may")):
            hit = Counter({value: count for value, count in values.items() if pattern.search(value)})
            if hit and not (pattern is _VENDORS and column in ("license", "licence")):
                first, _ = hit.most_common(1)[0]
                report("SEC906", "", f'{plural(hit.total(), "row")} {why}: {column} is "{first[:40]}"')
    various = totals.sampled >= 20 and len(totals.answers) > 0.5 * totals.sampled
    if not various:
        return
    for word, (count, _, always) in sorted(totals.rare.items(), key=lambda item: -item[1][0]):
        if count >= 5 and always and count <= 0.2 * totals.rows:
            report("SEC908", "", f'"{word[:40]}" stands in {count:,} prompts, and all of them have the same answer')


def _masked(text: str) -> str:
    return redact(text, personal=True)


def _without_name(text: str) -> str:
    def replaced(found: re.Match[str]) -> str:
        name = found.group(1) or found.group(2)
        return found.group().replace(name, "user") if name else found.group()

    return _PLACES.sub(replaced, text)


FIXES: dict[str, Fixer] = {
    "SEC901": edit_text(_masked),
    "SEC902": edit_text(_masked),
    "SEC903": edit_text(_without_name),
}
