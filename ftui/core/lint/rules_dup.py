"""DUP: rows that repeat, contradict each other, or leak from training into evaluation.

Only hashes are kept of a row, 44 bytes in all. Near duplicates (DUP702, DUP706) need a sketch library and are found by
`ftui.services.lint_near`, which reports under the rules of this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ftui.core.lint.about_dup import RULES
from ftui.core.lint.dup_keys import (
    ID_COLUMNS,
    content_key,
    content_key_of,
    content_of,
    digest,
    digests,
    hash64,
    near_text,
    prompt_text,
    with_roles,
    without_system,
)
from ftui.core.lint.dup_totals import (
    MIN_AFFIX_CHARACTERS,
    NO_DIGEST,
    NO_KEY,
    Totals,
    exact_repeats,
    pad,
    repeats,
    same_start,
    shorter,
)
from ftui.core.lint.model import DROP, Context, Facts, Fixer, Reporter, Row, Severity
from ftui.core.lint.plain import PlainRun
from ftui.core.text import plural

__all__ = [
    "FIXES",
    "NO_KEY",
    "RULES",
    "STRUCTURE",
    "Totals",
    "check",
    "check_plain",
    "content_key",
    "cost_of",
    "exact_repeats",
    "finish",
    "near_text",
    "same_start",
]


DOCUMENT_COLUMNS = ("doc_id", "document_id", "source_id", "document", "source_file", "file", "url", "title")
LONG_ANSWER_CHARACTERS = 40
STRUCTURE = tuple("{[<`")
"""An answer that begins so is JSON, markup or code: its form is fixed by the task."""


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    sizes = totals.sizes
    missing = row.index - len(sizes)
    if missing > 0:
        pad(totals, missing)
    turns, start = row.turns, row.answer_start
    answer = turns[start].text if start < len(turns) else ""
    one_answer = len(turns) == start + 1
    prompt = turns[0].text if start == 1 else prompt_text(row)
    prompt_digest, answer_digest = digest(prompt), digest(answer)
    totals.contents += content_key_of(row, prompt_digest, answer_digest)
    totals.prompt_digests += prompt_digest if prompt else NO_DIGEST
    totals.answer_digests += answer_digest if answer else NO_DIGEST
    sizes.append(_size(row.joined, answer))
    if start == len(turns):
        totals.prompt_only += 1
    if row.rejected:
        totals.pairs += 1
    if not one_answer and row.conversation and len(turns) > start:
        exchange = _exchange(totals, totals.rows - 1)
        _grow(row.index, exchange, [turn.role for turn in turns], [turn.text for turn in turns], start, totals)
    if len(row.data) > 1:
        _columns(row.data, totals)
    else:
        totals.id_digests += NO_DIGEST
    if not totals.affixes_vary:
        _affix(without_system(row, prompt), answer, totals)


def check_plain(run: PlainRun, report: Reporter, totals: Totals, context: Context) -> None:
    pad(totals, run.first - totals.rows)
    prompts = [texts[0] if shape.start == 1 else "\n".join(texts[: shape.start])
               for shape, texts in zip(run.shapes, run.texts, strict=True)]  # fmt: skip
    answers = [texts[shape.start] if shape.start < len(texts) else ""
               for shape, texts in zip(run.shapes, run.texts, strict=True)]  # fmt: skip
    prompt_digests, answer_digests = digests(prompts), digests(answers)
    contents = [
        content_of(prompt, answer, shape.start, shape.roles[0])
        if shape.one_answer
        else digest(with_roles(joined, shape.roles, texts), 16)
        for shape, texts, joined, prompt, answer
        in zip(run.shapes, run.texts, run.joined, prompt_digests, answer_digests, strict=True)
    ]  # fmt: skip
    totals.contents += b"".join(contents)
    totals.prompt_digests += b"".join([d if text else NO_DIGEST
                                       for d, text in zip(prompt_digests, prompts, strict=True)])  # fmt: skip
    totals.answer_digests += b"".join([d if text else NO_DIGEST
                                       for d, text in zip(answer_digests, answers, strict=True)])  # fmt: skip
    totals.id_digests += NO_DIGEST * len(run)
    totals.sizes.extend([_size(joined, answer) for joined, answer in zip(run.joined, answers, strict=True)])
    for place, (shape, texts) in enumerate(zip(run.shapes, run.texts, strict=True)):
        if not shape.one_answer:
            if shape.start < len(texts):
                row = run.first + place
                _grow(row, _exchange(totals, row), shape.roles, texts, shape.start, totals)
            else:
                totals.prompt_only += 1
        if not totals.affixes_vary:
            prompt = prompts[place]
            _affix(prompt[len(texts[0]) + 1 :] if shape.system_first else prompt, answers[place], totals)


def _size(joined: str, answer: str) -> int:
    """An entry of `Totals.sizes`."""
    free = len(answer) > LONG_ANSWER_CHARACTERS and not answer.startswith(STRUCTURE)
    return 2 * min(len(joined), 0x7FFFFFFF) + free


def _affix(asked: str, answer: str, totals: Totals) -> None:
    """Shorten what all prompts and all answers have in common."""
    affixes = totals.affixes
    affixes[0], affixes[1] = shorter(affixes[0], asked, 0), shorter(affixes[1], asked, 1)
    affixes[2], affixes[3] = shorter(affixes[2], answer, 0), shorter(affixes[3], answer, 1)
    totals.affixes_vary = not any(affixes) and totals.rows > 1


def _columns(data: dict[str, Any], totals: Totals) -> None:
    identifier = next((data[name] for name in ID_COLUMNS if name in data), None)
    totals.id_digests += digest(repr(identifier)) if isinstance(identifier, (str, int)) else NO_DIGEST
    document = next((data[name] for name in DOCUMENT_COLUMNS if isinstance(data.get(name), (str, int))), None)
    if document:
        totals.documents.add(hash64(str(document)))


def _grow(row: int, exchange: str, roles: Sequence[str], texts: Sequence[str], start: int, totals: Totals) -> None:
    """Remember where a conversation of several answers could have been cut. A whole one with one answer is known by
    its prompt and answer."""
    text = exchange
    if "assistant" in roles[start + 1 :]:
        totals.beginnings.append(hash64(text))
        totals.beginning_rows.append(row)
    last = max((number for number, role in enumerate(roles) if role == "assistant"), default=start)
    for number in range(start + 1, len(roles)):
        text += f"\0{roles[number]}\1{texts[number]}"
        if roles[number] == "assistant" and number < last:
            totals.beginnings.append(hash64(text))
            totals.beginning_rows.append(row)
    totals.wholes.setdefault(hash64(text), row)


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    duplicates = exact_repeats(totals)
    _duplicates(totals, duplicates, report)
    if totals.pairs * 2 < totals.rows and totals.prompt_only * 2 < totals.rows:
        _contradictions(totals, duplicates, report)
        _common_answers(totals, duplicates, report)
    _growing(totals, report)
    _affixes(totals, report, facts.format)
    for row, first in repeats(memoryview(bytes(totals.id_digests)).cast("Q")).items():
        if row not in duplicates:
            report.row = row
            report("DUP710", "", f"the id of this row is that of row {first:,} too")
    if facts.eval_state is not None and facts.eval_state.get("DUP") is not None:
        leaks(totals, facts.eval_state["DUP"], report)
    report.at(None)


def _duplicates(totals: Totals, duplicates: dict[int, int], report: Reporter) -> None:
    severity = Severity.INFO if totals.prompt_only * 2 > totals.rows else None
    for row, first in duplicates.items():
        report.row = row
        report("DUP701", "", f"the same as row {first:,}", severity=severity)


def cost_of(totals: Totals, rows: Iterable[int]) -> float:
    """The share of all characters, and so about of the compute, that these rows take: 0 to 1."""
    whole = sum(totals.sizes)
    return sum(totals.sizes[row] for row in rows) / whole if whole else 0.0


def _contradictions(totals: Totals, duplicates: dict[int, int], report: Reporter) -> None:
    groups: dict[int, list[int]] = {}
    given = totals.answers
    for row, first in repeats(totals.prompts).items():
        groups.setdefault(first, [first]).append(row)
    for rows in groups.values():
        answers = {given[row]: row for row in reversed(rows) if row not in duplicates}
        answers.pop(NO_KEY, None)
        if len(answers) < 2:
            continue
        different = sorted(answers.values())
        report.row = different[1]
        others = ", ".join(f"{row:,}" for row in different[:6]) + (" ..." if len(different) > 6 else "")
        report("DUP703", "", f"one prompt, {len(answers)} different answers: rows {others}")


def _common_answers(totals: Totals, duplicates: dict[int, int], report: Reporter) -> None:
    groups: dict[int, list[int]] = {}
    for row, first in repeats(totals.answers).items():
        if totals.sizes[row] & 1:
            groups.setdefault(first, [first])
            if row not in duplicates:
                groups[first].append(row)
    free = sum(size & 1 for size in totals.sizes)
    largest = max(map(len, groups.values()), default=0)
    if sum(map(len, groups.values())) > 0.5 * free and largest < 0.2 * free:
        return  # the answers come from a fixed set
    enough = max(5, totals.rows // 100)
    asked = totals.prompts
    counts = {first: len({asked[row] for row in rows}) for first, rows in groups.items() if len(rows) >= enough}
    for first, prompts in sorted(counts.items(), key=lambda item: -item[1]):
        if prompts >= enough:
            report.row = first
            share = 100 * len(groups[first]) / totals.rows
            report(
                "DUP708", "", f"{prompts:,} different prompts have the answer of this row ({share:.0f} % of the rows)"
            )


def _growing(totals: Totals, report: Reporter) -> None:
    """Report conversations that are the beginning of a longer one."""
    if not totals.beginnings:
        return
    longer_of = dict(zip(reversed(totals.beginnings), reversed(totals.beginning_rows), strict=True))
    ends = dict(totals.wholes)
    several = set(totals.beginning_rows)
    prompts, answers = totals.prompts, totals.answers
    firsts = {(prompts[row], answers[row]) for row in several}
    for row in [row for row, pair in enumerate(zip(prompts, answers, strict=True)) if pair in firsts]:
        ends.setdefault(hash64(_exchange(totals, row)), row)
    for key, row in sorted(ends.items(), key=lambda item: item[1]):
        longer = longer_of.get(key)
        single = key not in totals.wholes
        if longer is not None and longer != row and not (single and row in several):
            report.row = row
            report("DUP704", "", f"row {longer:,} begins with this whole conversation and goes on")


def _exchange(totals: Totals, row: int) -> str:
    """The first prompt and answer of a row, as hexadecimal digits."""
    place = slice(8 * row, 8 * row + 8)
    return (totals.prompt_digests[place] + totals.answer_digests[place]).hex()


def _affixes(totals: Totals, report: Reporter, format: str) -> None:
    if totals.rows < 20:
        return
    answer = "text" if format == "text" else "answer"
    names = ("prompt begins", "prompt ends", f"{answer} begins", f"{answer} ends")
    report.row = None
    for name, affix in zip(names, totals.affixes, strict=True):
        if affix and name == "answer begins" and affix.startswith(STRUCTURE):
            continue
        if affix and len(affix.strip()) >= MIN_AFFIX_CHARACTERS:
            report("DUP709", "", f"every {name} with the same {plural(len(affix), 'character')}", text=affix)


def leaks(train: Totals, held_out: Totals, report: Reporter) -> None:
    """Report what the eval split shares with the training rows."""
    none = bytes(16)
    wanted: dict[bytes, list[int]] = {}
    for row in range(held_out.rows):
        key = bytes(held_out.contents[16 * row : 16 * row + 16])
        if key != none:
            wanted.setdefault(key, []).append(row)
    first: dict[int, int] = {}
    whole = bytes(train.contents)
    for row in range(train.rows):
        for held in wanted.pop(whole[16 * row : 16 * row + 16], ()):
            first[held] = row
    train_prompts, held_prompts = train.prompts, held_out.prompts
    known = set(train_prompts) - {NO_KEY}
    shared = [row for row in range(held_out.rows) if held_prompts[row] in known]
    share = (
        f" ({len(first):,} of {held_out.rows:,} eval rows, {len(shared):,} of their prompts are in the training rows)"
    )
    for held, row in sorted(first.items(), key=lambda pair: pair[1]):
        report.row = row
        report("DUP705", "", f"eval row {held:,} is this row, word for word{share}")
        share = ""  # said once
    by_prompt = {key: row for row, key in reversed(list(enumerate(train_prompts))) if key} if shared else {}
    for held in shared:
        if held not in first:
            report.row = by_prompt[held_prompts[held]]
            report("DUP706", "", f"eval row {held:,} has the same prompt, with another answer")
    documents = train.documents & held_out.documents
    if documents:
        report.row = None
        report("DUP711", "", f"rows of {plural(len(documents), 'source document')} are in both splits")


def _drop(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    return DROP


FIXES: dict[str, Fixer] = {
    "DUP701": _drop,
    "DUP702": _drop,
    "DUP704": _drop,
    "DUP705": _drop,
    "DUP706": _drop,
    "DUP707": _drop,
}
