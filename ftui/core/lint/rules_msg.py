"""MSG: who speaks when. What chat templates and trainers expect of the order of turns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

from ftui.core.conversations import CALL_ROLES, ROLES, content_key, pair_keys
from ftui.core.lint.about_msg import RULES
from ftui.core.lint.model import Context, Facts, Reporter, Row, Turn
from ftui.core.lint.msg_fixes import FIXES, HUMANS, SPEAKER_LINE
from ftui.core.lint.plain import PlainRun
from ftui.core.text import plural

__all__ = ["FIXES", "RULES", "Totals", "check", "check_plain", "finish"]

_STANDARD_ROLES = ("user", "assistant", "system", "tool")
_ROLES_AS_WRITTEN = frozenset({"system", "user", "assistant", "tool", "developer", "function", "human", "gpt"})
"""human and gpt under "role" are another rule's (SCH310)."""
_SPEAKERS_AS_WRITTEN = _ROLES_AS_WRITTEN | {
    "function_call",
    "observation",
    "tool_call",
    "tool_response",
    "chatgpt",
    "bot",
}
_MEDIA = (("images", "<image>"), ("videos", "<video>"), ("audios", "<audio>"))
_SPEAKER_MARKS = re.compile(rb"[HUAIBTMC]:")
"""What is left in `Row.marks` of the speakers above: the last capital and the colon."""
_MIN_ROWS_FOR_SHARES = 20


@dataclass
class Totals:
    """Rows that are conversations, with and without a system message, and the first row of each kind."""

    with_system: int = 0
    without_system: int = 0
    first: dict[bool, int] = field(default_factory=dict)

    def merge(self, later: Totals, rows_before: int) -> None:
        self.with_system += later.with_system
        self.without_system += later.without_system
        for kind, row in later.first.items():
            self.first.setdefault(kind, row + rows_before)


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    if not row.conversation:
        _check_columns(row, report)
        return
    roles = tuple([turn.role for turn in row.turns] if row.tidy else _roles(row, report))
    for code, index, text in _structure(roles, row.format.kind):
        place = row.turns[index].pointer
        report(code, place, text, text=row.turns[index].text)
    if roles:
        has_system = "system" in roles
        if has_system:
            totals.with_system += 1
        else:
            totals.without_system += 1
        if has_system not in totals.first:
            totals.first[has_system] = row.index
    if len(row.data) > 1 and ("images" in row.data or "audios" in row.data or "videos" in row.data):
        _check_media(row, report)
    if b":" in row.marks and _SPEAKER_MARKS.search(row.marks):
        _check_transcript(row, report)


def check_plain(run: PlainRun, report: Reporter, totals: Totals, context: Context) -> None:
    faulty = {shape for shape in set(run.shapes) if _structure(shape.roles, "chat")}
    loud = {*run.untidy, *run.labelled}
    if faulty:
        loud.update(place for place, shape in enumerate(run.shapes) if shape in faulty)
    run.look_closer(loud, check, report, totals, context)
    first: dict[bool, int] = {}
    for place, shape in enumerate(run.shapes):
        if place not in loud:
            has_system = "system" in shape.roles
            totals.with_system += has_system
            totals.without_system += not has_system
            first.setdefault(has_system, run.first + place)
    for has_system, row in first.items():
        totals.first[has_system] = min(row, totals.first.get(has_system, row))


def _roles(row: Row, report: Reporter) -> list[str]:
    """The role of every turn, "calls" where it calls tools; says what is wrong with roles and empty contents."""
    roles = []
    for turn in row.turns:
        message, role = turn.message, turn.role
        if message is not None and len(message) == 2 and turn.text and message.get("role") == role in _STANDARD_ROLES:
            pass  # a role, a text and nothing else: the usual message
        elif message is not None:
            if "role" in message:
                written = message["role"]
                if type(written) is not str or written not in _ROLES_AS_WRITTEN:
                    _check_role(turn, message, report)
                elif written in ("tool", "function"):
                    role = "tool"
            else:
                _check_speaker(turn, message, report)
            if role == "assistant" and _calls(message):
                role = "calls"
            if not turn.text and role in ("user", "assistant"):
                _check_content_key(turn, message, report)
        if turn.text.isspace():
            _report_empty(turn, row, report)
        roles.append(role)
    return roles


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    have, lack = totals.with_system, totals.without_system
    rare, rows = min(have, lack), have + lack
    if rows < _MIN_ROWS_FOR_SHARES or rare == 0 or rare / rows > 0.05:
        return
    what = "have a system message" if have == rare else "have no system message"
    first = totals.first[have == rare]
    report("MSG413", "", f"{rare:,} of {plural(rows, 'row')} {what}, the others differ; the first is row {first}")


@lru_cache(maxsize=4096)
def _structure(roles: tuple[str, ...], kind: str) -> tuple[tuple[str, int, str], ...]:
    """What is wrong with an order of roles: (code, turn, message). "calls" is an assistant turn that calls tools."""
    found: list[tuple[str, int, str]] = []
    systems = [index for index, role in enumerate(roles) if role == "system"]
    if len(systems) > 1:
        found.append(("MSG408", systems[1], f"{len(systems)} system messages; templates read the first"))
    if systems and systems[0] != 0:
        found.append(("MSG409", systems[0], f"the system message is message {systems[0] + 1}"))
    spoken = [(index, role) for index, role in enumerate(roles) if role != "system"]
    if not spoken:
        return tuple(found)
    assistant = [index for index, role in spoken if role in ("assistant", "calls")]
    if len(roles) == 1 and assistant:
        return (("MSG410", 0, "an answer without a question"),)
    if spoken[0][1] in ("assistant", "calls", "tool"):
        role = "assistant" if spoken[0][1] == "calls" else spoken[0][1]
        found.append(("MSG404", spoken[0][0], f"the conversation begins with the {role}"))
    for (_, before), (index, role) in pairwise(spoken):
        if role == before and role in ("user", "assistant"):
            found.append(("MSG403", index, f"messages {index} and {index + 1} are both the {role}'s"))
    if kind == "chat":
        if not assistant and all(role in _STANDARD_ROLES for _, role in spoken):
            found.append(("MSG406", spoken[-1][0], "no assistant turn: no token of this row would be trained"))
        elif assistant and spoken[-1][0] != assistant[-1]:
            after = len(spoken) - 1 - [index for index, _ in spoken].index(assistant[-1])
            text = f"{plural(after, 'message')} after the last answer {'is' if after == 1 else 'are'} never trained"
            found.append(("MSG405", spoken[-1][0], text))
    return tuple(found)


def _calls(message: Mapping[str, Any]) -> bool:
    return bool(message.get("tool_calls") or message.get("function_call") or message.get("from") in CALL_ROLES)


def _check_role(turn: Turn, message: Mapping[str, Any], report: Reporter) -> None:
    written = message["role"]
    place = turn.pointer.rpartition("/")[0] + "/role"
    if not isinstance(written, str):
        report("MSG401", place, f"the role is {written!r}, not text"[:120], fix="none")
        return
    known = ROLES.get(written.strip().lower())
    if written == known:
        return
    meant = f"; {known} is what templates call it" if known else _nearest(written)
    report("MSG401", place, f'the role "{written[:40]}" is not known{meant}', fix=None if known else "none")


def _check_speaker(turn: Turn, message: Mapping[str, Any], report: Reporter) -> None:
    here = turn.pointer.rpartition("/")[0]
    written = message.get("from")
    if written is None:
        if pair_keys(message) is None and ("content" in message or "value" in message):
            report("MSG402", here, "the message has no role")
        return
    if not isinstance(written, str) or written not in _SPEAKERS_AS_WRITTEN:
        known = ROLES.get(written.strip().lower()) if isinstance(written, str) else None
        if known == "system" and written == "system":
            return
        meant = (
            f"; human, gpt and system are the usual ones, this seems to be {known}" if known else _nearest(str(written))
        )
        report("MSG401", f"{here}/from", f'the speaker "{str(written)[:40]}" is not known{meant}',
               fix=None if known else "none")  # fmt: skip


def _nearest(written: str) -> str:
    import difflib  # only for a bad row

    close = difflib.get_close_matches(written.strip().lower(), ("system", "user", "assistant", "tool"), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else "; use system, user, assistant or tool"


def _check_content_key(turn: Turn, message: Mapping[str, Any], report: Reporter) -> None:
    """A turn without text: is there no content, an empty one, or a picture?"""
    if pair_keys(message) is not None:
        return
    here = turn.pointer.rpartition("/")[0]
    key = content_key(message)
    if key not in message:
        report("MSG402", here, "the message has no content")
        return
    content = message[key]
    if content in (None, "", []) and not message.get("reasoning_content"):
        report("MSG407", turn.pointer, f"the {turn.role}'s turn is {'null' if content is None else 'empty'}")


def _report_empty(turn: Turn, row: Row, report: Reporter) -> None:
    is_side = row.format.kind == "preference" and turn in row.turns[row.answer_start :]
    if turn.role in ("user", "assistant", "text") and not is_side and not _calls(turn.message or {}):
        report("MSG407", turn.pointer, f"the {turn.role}'s turn is blank")


def _check_columns(row: Row, report: Reporter) -> None:
    """Rows of plain columns: an empty answer or an empty prompt. Empty sides of a pair are PRF852's."""
    kind = row.format.kind
    for turn in row.turns[row.answer_start :]:
        if kind != "preference" and turn.role and (not turn.text or turn.text.isspace()):
            report("MSG407", turn.pointer, "the text is empty" if kind == "text" else "the answer is empty")
    prompt = row.turns[: row.answer_start]
    if prompt and prompt[0].role and not any(turn.text and not turn.text.isspace() for turn in prompt):
        report("MSG407", prompt[0].pointer, "the prompt is empty")


def _check_media(row: Row, report: Reporter) -> None:
    for column, mark in _MEDIA:
        files = row.data.get(column)
        if files is None:
            continue
        count = len(files) if isinstance(files, list) else 1
        marks = row.joined.count(mark) + _parts_without_file(row, column[:-1])
        if marks != count:
            text = f"{plural(marks, 'mark')} {mark} in the text, {plural(count, 'file')} in {column}"
            report("MSG411", f"/{column}", text)


def _parts_without_file(row: Row, kind: str) -> int:
    parts = [part for turn in row.turns if turn.message for part in _list(turn.message.get("content"))]
    return sum(1 for part in parts if isinstance(part, dict) and part.get("type") == kind and len(part) == 1)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _check_transcript(row: Row, report: Reporter) -> None:
    if "\nHuman:" not in row.joined and len(SPEAKER_LINE.findall(row.joined)) < 2:
        return
    for turn in row.turns:
        if turn.role not in ("user", "assistant"):
            continue
        said = list(SPEAKER_LINE.finditer(turn.text))
        both = {found.group(1) in HUMANS for found in said}
        if len(both) == 2 or "\n\nHuman:" in turn.text:
            first = next((found for found in said if found.start() > 0), None)
            span = first.span() if first else None
            report("MSG412", turn.pointer, "several speakers' lines in one turn", text=turn.text, span=span)
