"""DUP: rows that repeat, contradict each other, or leak from training into evaluation.

Only hashes are kept of a row, 44 bytes in all. Near duplicates (DUP702, DUP706) need a sketch library and are found by
`ftui.services.lint_near`, which reports under the rules of this module.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from ftui.core.lint.model import DROP, Context, Facts, Fixer, Reporter, Row, Rule, Severity
from ftui.core.text import plural

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: tuple[Rule, ...] = (
    Rule(
        "DUP701", "exact-duplicate", W, "The row repeats an earlier one word for word.",
        "A row that stands twenty times is trained twenty times per epoch: compute is wasted, the model learns it by"
        " heart, and a random split puts copies on both sides. Column order, ids and bookkeeping columns do not"
        " matter for being equal. In prompt-only sets repeats are normal (info).",
        '{"prompt": "Hi", "completion": "Hello"} (twice)', '{"prompt": "Hi", "completion": "Hello"} (once)',
        "keep the first", "safe", "file",
    ),
    Rule(
        "DUP702", "near-duplicate", W, "The row is almost the same as an earlier one.",
        "At least 80 % of the text, counted in pieces of 8 characters, is shared with an earlier row. The system"
        " prompt, and what all prompts begin with, do not count. Found with MinHash sketches and confirmed on the texts"
        " themselves.",
        "What is the capital of France? / what is the capital of france", "What is the capital of France?",
        "keep the first", "unsafe", "file",
    ),
    Rule(
        "DUP703", "contradictory-answers", W, "One prompt has several different answers.",
        "The model cannot learn both. Either the prompt lacks what tells them apart, or one answer is wrong. Where"
        " variety is the aim (stories, chat), this is fine. One finding per prompt.",
        '"Capital of Australia?" -> "Canberra" and "Sydney"', '"Capital of Australia?" -> "Canberra"', cost="file",
    ),
    Rule(
        "DUP704", "growing-conversation", _I, "The conversation is the beginning of a longer one.",
        "The same dialogue was saved after every turn. Its early turns are trained many times; keep the longest,"
        " every assistant turn in it is trained anyway.",
        "turns 1-2, then turns 1-4 of the same dialogue", "turns 1-4", "keep the longest", "unsafe", "file",
    ),
    Rule(
        "DUP705", "eval-leak", E, "A row of the eval split is also in the training rows.",
        "The model has seen the exam. Every score on such a row is memory, not ability. One finding per eval row, at"
        " the first training row that equals it; the number of leaked prompts (whatever the answer) is said too. The"
        " fix drops the rows from training, never from evaluation.",
        "the same row in train.jsonl and eval.jsonl", "each row in one split only", "drop it from training",
        "safe", "cross",
    ),
    Rule(
        "DUP706", "near-eval-leak", W, "A row of the eval split is almost the same as a training row.",
        "As DUP705, for rows that share at least 80 % of their text, or the whole prompt.",
        "train: 'Capital of France?' eval: 'capital of France ?'", "unrelated rows", "drop it from training",
        "unsafe", "cross",
    ),
    Rule(
        "DUP707", "benchmark-contamination", W, "The row shares a long passage with a benchmark.",
        "Thirteen words in a row that also stand in a benchmark file given with --benchmark (or the whole of a"
        " shorter item) are no accident. Scores on that benchmark mean nothing after training. Rephrased items are"
        " not found this way.",
        "a GSM8K test question among the training rows", "training rows of your own", "drop it from training",
        "unsafe", "cross",
    ),
    Rule(
        "DUP708", "one-answer-for-many-prompts", W, "Many different prompts have the same answer.",
        "A long answer that fits everything teaches the model to ignore the question. Class labels, answers in JSON"
        " or another structure, and answers that all come from a fixed set (a routing table, a phrase book) are not"
        " counted: there the same answer is often right.",
        "40 prompts -> 'I have forwarded your request to our team.'", "an answer to each prompt", cost="file",
    ),
    Rule(
        "DUP709", "common-prefix-or-suffix", _I, "Every prompt or every answer begins or ends with the same text.",
        "What is the same everywhere teaches nothing and costs tokens in every row. An instruction belongs into the"
        " system prompt; a fixed ending may be on purpose. The system prompt itself, and the keys of answers in JSON,"
        " are not counted.",
        "every answer ends with 'Let me know if you need anything else!'", "answers that end when they are done",
        "remove it", "none", "file",
    ),
    Rule(
        "DUP710", "duplicate-id", _I, "Two rows have the same id.",
        "Ids that repeat point to a join or an export that went wrong: look whether rows were multiplied.",
        '{"id": 7, ...} {"id": 7, ...}', '{"id": 7, ...} {"id": 8, ...}', cost="file",
    ),
    Rule(
        "DUP711", "source-split-over-sets", W, "One source document is in training and in evaluation.",
        "Rows made from one document share its facts and wording, so that the eval split measures recall of the"
        " document. Split by document. Found by columns such as doc_id, document_id, source_id, url or file.",
        "doc_id 12 in train and eval", "all rows of doc_id 12 in train", cost="cross",
    ),
)  # fmt: skip

ID_COLUMNS = ("id", "uuid", "_id", "row_id", "example_id")
DOCUMENT_COLUMNS = ("doc_id", "document_id", "source_id", "document", "source_file", "file", "url", "title")
_BOOKKEEPING = frozenset(ID_COLUMNS) | {"meta", "metadata", "source", "index", "created", "timestamp", "split"}
LONG_ANSWER_CHARACTERS = 40
STRUCTURE = tuple("{[<`")
"""An answer that begins so is JSON, markup or code: its form is fixed by the task."""
MIN_AFFIX_CHARACTERS = 10
BUCKET_ROWS = 1_000_000
NO_KEY = 0
_NO_DIGEST = bytes(8)


def _digest(text: str, size: int = 8) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    return blake2b(data, digest_size=size).digest()


def _hash64(text: str) -> int:
    return int.from_bytes(_digest(text), "little")


def content_key(row: Row) -> bytes:
    """16 bytes that are equal for rows that train the same thing; ids, key order and bookkeeping do not count."""
    return _content_key(row, b"", b"")


def _content_key(row: Row, prompt: bytes, answer: bytes) -> bytes:
    """`content_key`, given the digests of prompt and first answer where they are known."""
    turns, start = row.turns, row.answer_start
    simple = row.plain or _is_simple(row)
    if simple and len(turns) == start + 1:
        # One exchange is its prompt and its answer: each half of the key holds something of both, the last bytes say
        # how many turns come before the answer, and whether a system prompt does.
        prompt, answer = prompt or _digest(prompt_text(row)), answer or _digest(turns[start].text)
        before = _BYTES[min(start, 255)] + (b"s" if turns[0].role == "system" else b"u")
        return prompt[:4] + answer[:4] + prompt[4:] + answer[4:6] + before
    text = row.joined + "".join([f"\0{turn.role}{len(turn.text)}" for turn in turns])
    if row.label is not None:
        text += f"\0{row.label!r}"
    if row.rejected:
        text += f"\0{[turn.role for turn in row.rejected]}{len(row.rejected[0].text)}"
    if not simple and not row.rejected and row.label is None:
        kept = {key: value for key, value in row.data.items() if key not in _BOOKKEEPING}
        text += "\0" + json.dumps(kept, sort_keys=True, default=str)
    return _digest(text, 16)


_BYTES = tuple(bytes([number]) for number in range(256))


def _is_simple(row: Row) -> bool:
    """Whether the texts and roles of a row are all that is trained of it: no tools, no pictures, no label."""
    if row.tools is not None or row.label is not None or row.rejected or row.format.kind == "prompt" or not row.turns:
        return False
    return all(
        turn.message is None or (len(turn.message) <= 2 and type(turn.message.get("content", "")) is str)
        for turn in row.turns
    )


def prompt_text(row: Row) -> str:
    """Everything before the first answer; "" where there is no prompt."""
    return "\n".join(turn.text for turn in row.turns[: row.answer_start])


def without_system(row: Row, text: str) -> str:
    """A text that begins with all turns of the row (its prompt, or `joined`), without a system prompt in front."""
    turns = row.turns
    return text[len(turns[0].text) + 1 :] if len(turns) > 1 and turns[0].role == "system" else text


def near_text(row: Row) -> str:
    """What near duplicates are judged by: the system prompt is the same in many rows that have nothing in common."""
    return without_system(row, row.joined)


class Totals:
    """Digests of every row, in row order; eight zero bytes mean that a row has no such thing."""

    def __init__(self) -> None:
        self.contents = bytearray()
        self.prompt_digests = bytearray()
        self.answer_digests = bytearray()
        self.id_digests = bytearray()
        self.sizes = array("I")
        """Twice the characters of each row; one more where its first answer is long and free text."""
        self.beginnings = array("Q")
        """Hashes of conversations of several answers, cut after each answer but the last, with `beginning_rows`."""
        self.beginning_rows = array("L")
        self.wholes: dict[int, int] = {}
        self.documents: set[int] = set()
        self.affixes: list[str | None] = [None, None, None, None]
        self.affixes_vary = False
        """Nothing is common to all prompts or all answers any more."""
        self.prompt_only = 0
        self.pairs = 0

    @property
    def prompts(self) -> Sequence[int]:
        """A number per row that is equal for equal prompts; 0 for none."""
        return memoryview(bytes(self.prompt_digests)).cast("Q")

    @property
    def answers(self) -> Sequence[int]:
        """A number per row that is equal for equal first answers; 0 for none."""
        return memoryview(bytes(self.answer_digests)).cast("Q")

    @property
    def rows(self) -> int:
        return len(self.sizes)

    def merge(self, later: Totals, rows_before: int) -> None:
        missing = rows_before - self.rows
        if missing > 0:
            pad(self, missing)
        self.contents += later.contents
        self.prompt_digests += later.prompt_digests
        self.answer_digests += later.answer_digests
        self.id_digests += later.id_digests
        self.sizes += later.sizes
        self.beginnings += later.beginnings
        self.beginning_rows.extend(row + rows_before for row in later.beginning_rows)
        for key, row in later.wholes.items():
            self.wholes.setdefault(key, row + rows_before)
        self.documents |= later.documents
        self.affixes = [_shorter(mine, theirs, end) for end, (mine, theirs)
                        in enumerate(zip(self.affixes, later.affixes, strict=True))]  # fmt: skip
        self.prompt_only += later.prompt_only
        self.pairs += later.pairs


def pad(totals: Totals, rows: int) -> None:
    """Stand-ins for records that could not be read, so that positions stay row numbers."""
    totals.contents += bytes(16 * rows)
    for digests in (totals.prompt_digests, totals.answer_digests, totals.id_digests):
        digests += bytes(8 * rows)
    totals.sizes.extend([0] * rows)


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    sizes = totals.sizes
    missing = row.index - len(sizes)
    if missing > 0:
        pad(totals, missing)
    turns, start = row.turns, row.answer_start
    answer = turns[start].text if start < len(turns) else ""
    one_answer = len(turns) == start + 1
    if start == 1:
        prompt = turns[0].text
    else:
        prompt = row.joined[: -len(answer) - 1] if start and one_answer and row.plain else prompt_text(row)
    try:
        prompt_digest = blake2b(prompt.encode(), digest_size=8).digest()
        answer_digest = blake2b(answer.encode(), digest_size=8).digest()
    except UnicodeEncodeError:
        prompt_digest, answer_digest = _digest(prompt), _digest(answer)
    if one_answer and row.plain:  # as `_content_key`, which costs a call
        before = _BYTES[start if start < 256 else 255] + (b"s" if turns[0].role == "system" else b"u")
        totals.contents += prompt_digest[:4] + answer_digest[:4] + prompt_digest[4:] + answer_digest[4:6] + before
    else:
        totals.contents += _content_key(row, prompt_digest, answer_digest)
    totals.prompt_digests += prompt_digest if prompt else _NO_DIGEST
    totals.answer_digests += answer_digest if answer else _NO_DIGEST
    free = len(answer) > LONG_ANSWER_CHARACTERS and not answer.startswith(STRUCTURE)
    sizes.append(2 * min(len(row.joined), 0x7FFFFFFF) + free)
    if start == len(turns):
        totals.prompt_only += 1
    if row.rejected:
        totals.pairs += 1
    if not one_answer and row.conversation and len(turns) > start:
        _grow(row, totals)
    if len(row.data) > 1:
        _columns(row.data, totals)
    else:
        totals.id_digests += _NO_DIGEST
    if not totals.affixes_vary:
        affixes = totals.affixes
        asked = without_system(row, prompt)
        affixes[0], affixes[1] = _shorter(affixes[0], asked, 0), _shorter(affixes[1], asked, 1)
        affixes[2], affixes[3] = _shorter(affixes[2], answer, 0), _shorter(affixes[3], answer, 1)
        totals.affixes_vary = not any(affixes) and totals.rows > 1


def _columns(data: dict[str, Any], totals: Totals) -> None:
    identifier = next((data[name] for name in ID_COLUMNS if name in data), None)
    totals.id_digests += _digest(repr(identifier)) if isinstance(identifier, (str, int)) else _NO_DIGEST
    document = next((data[name] for name in DOCUMENT_COLUMNS if isinstance(data.get(name), (str, int))), None)
    if document:
        totals.documents.add(_hash64(str(document)))


def _grow(row: Row, totals: Totals) -> None:
    """Remember where a conversation of several answers could have been cut. A whole one with one answer is known by
    its prompt and answer."""
    turns, start = row.turns, row.answer_start
    text = _exchange(totals, totals.rows - 1)
    if any(turn.role == "assistant" for turn in turns[start + 1 :]):
        totals.beginnings.append(_hash64(text))
        totals.beginning_rows.append(row.index)
    last = max(number for number, turn in enumerate(turns) if turn.role == "assistant")
    for number in range(start + 1, len(turns)):
        turn = turns[number]
        text += f"\0{turn.role}\1{turn.text}"
        if turn.role == "assistant" and number < last:
            totals.beginnings.append(_hash64(text))
            totals.beginning_rows.append(row.index)
    totals.wholes.setdefault(_hash64(text), row.index)


def _shorter(common: str | None, text: str | None, end: int) -> str | None:
    """The common prefix (even `end`) or suffix (odd) of what was common so far and one more text; "" once it is too
    short to be worth a word."""
    if not common or text is None:
        return text if common is None else common
    if end % 2:
        shared = common if text.endswith(common) else same_start(common[::-1], text[::-1])[::-1]
    else:
        shared = common if text.startswith(common) else same_start(common, text)
    return shared if len(shared) >= MIN_AFFIX_CHARACTERS else ""


def same_start(one: str, other: str) -> str:
    """What both texts begin with."""
    length = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


def repeats(keys: Sequence[int], most: int = BUCKET_ROWS) -> dict[int, int]:
    """For each row whose key stood before: the row where it stood first; zero is no key.

    Memory is bounded: keys are looked at in as many passes as keep about `most` of them in one table.
    """
    passes = max(1, -(-len(keys) // most))
    found: dict[int, int] = {}
    for part in range(passes):
        mine = [key for key in keys if key % passes == part] if passes > 1 else keys
        distinct = set(mine)
        distinct.discard(NO_KEY)
        if len(distinct) == len(mine):
            continue
        seen: set[int] = set()
        again = {key for key in mine if key in seen or seen.add(key)}  # type: ignore[func-returns-value]
        again.discard(NO_KEY)
        del seen, distinct
        if not again:
            continue
        first: dict[int, int] = {}
        for row, key in enumerate(keys):
            if key in again:
                earlier = first.setdefault(key, row)
                if earlier != row:
                    found[row] = earlier
    return found


def exact_repeats(totals: Totals) -> dict[int, int]:
    """For each row whose content stood before: the row where it stood first."""
    contents = bytes(totals.contents)
    found = repeats(memoryview(contents).cast("Q")[::2])
    return {
        row: earlier
        for row, earlier in found.items()
        if contents[16 * row : 16 * row + 16] == contents[16 * earlier : 16 * earlier + 16]
    }


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
    firsts = {_exchange(totals, row) for row in set(totals.beginning_rows)}
    for row in range(totals.rows):
        if (exchange := _exchange(totals, row)) in firsts:
            ends.setdefault(_hash64(exchange), row)
    several = set(totals.beginning_rows)
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
