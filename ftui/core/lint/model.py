"""What a rule is, what a finding is, and what a rule sees of a row.

A family is a module `rules_<family>.py` with these names (an absent one means: none):

    RULES: tuple[Rule, ...]
    FIXES: dict[str, Fixer]                  code -> function that repairs one row
    class Totals                             counters over a whole file; picklable; `Totals()` takes no arguments
        def merge(self, later: Totals, rows_before: int) -> None
                                             `later` counted the next stretch of the file, its rows numbered from 0
    def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None
                                             called once per row: one pass over the texts, cheap pre-filters first
    def check_plain(run: PlainRun, report: Reporter, totals: Totals, context: Context) -> None
                                             optional: `check` of a run of plain rows at once (`ftui.core.lint.plain`)
    def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None
                                             called once per file, for findings about the whole file

`check` runs on every row of files with millions of rows. Look at `row.joined` (all texts in one string) with `in`, or
with one precompiled pattern, before looking at single turns. The whole linter may cost 15 times `json.loads`, about 33
microseconds for a clean row of 450 characters, of which all row families together may take 12. A family keeps no
rows: counters and row numbers only.

The TOK family has `check_batch(rows: Sequence[Row], report, totals, context)` in place of `check`; `context.tokenizer`
is then set. Call `report.at(row)` before reporting about one row of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ftui.core.lint.excerpt import excerpt_of
from ftui.core.lint.row import ORDINARY, Row, Turn

__all__ = [
    "DROP",
    "ORDINARY",
    "ChatTokenizer",
    "Context",
    "Cost",
    "Encoded",
    "Facts",
    "Finding",
    "Fixer",
    "Reporter",
    "Row",
    "Rule",
    "Safety",
    "Severity",
    "Turn",
    "edit_text",
    "pointer_step",
    "resolve_parent",
]

if TYPE_CHECKING:
    from ftui.core.render_dialect import Dialect


class Severity(StrEnum):
    """error: training breaks or learns nothing from it; warning: training is hurt; info: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """2 for an error, 1 for a warning, 0 for an info."""
        return {"error": 2, "warning": 1, "info": 0}[self.value]


Safety = Literal["safe", "unsafe", "none"]
Cost = Literal["bytes", "row", "file", "cross", "tokenizer", "model"]


@dataclass(frozen=True)
class Rule:
    """One rule of the catalogue. `bad` and `good` are example rows as in a file; `fix` says what a fix does."""

    code: str
    name: str
    severity: Severity
    summary: str
    explanation: str
    bad: str
    good: str
    fix: str = ""
    safety: Safety = "none"
    cost: Cost = "row"

    @property
    def family(self) -> str:
        return self.code[:3]


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule objects.

    row: 0-based position among the rows, or None for the whole file. line: 1-based physical line of the file, or None
    where the file has no lines (Parquet). pointer: JSON Pointer into the row as it stands in the file, "" for the whole
    row. excerpt: terminal-safe, secrets masked. mark: start and length of the offending part of the excerpt, in
    characters. fix: "safe", "unsafe" or "".
    """

    code: str
    severity: str
    row: int | None
    line: int | None
    pointer: str
    message: str
    excerpt: str = ""
    mark: tuple[int, int] | None = None
    fix: str = ""


class Reporter:
    """Collects findings. `report(code, pointer, message)`; codes that are switched off are dropped here.

    text and span: the text in which the trouble is and where in it, for the excerpt. excerpt: give it instead of `text`
    when the text holds a secret: already masked. severity: to override the rule's own (or the configured) one, with
    which a rule like DST801 says error, warning or info. fix: the safety of the fix at this place, where it is not the
    rule's own ("none": the fixer can do nothing here).
    """

    def __init__(self, rules: Mapping[str, Rule], severities: Mapping[str, Severity] | None = None) -> None:
        self._rules = rules
        self._configured = severities or {}
        self.findings: list[Finding] = []
        self.row: int | None = None
        self.line: int | None = None

    def at(self, row: Row | None) -> None:
        """Say which row the next findings are about; None for the whole file."""
        self.row = row.index if row else None
        self.line = row.line if row else None

    def fresh(self) -> Reporter:
        """Another Reporter with the same rules, and no findings."""
        return Reporter(self._rules, self._configured)

    def wants(self, code: str) -> bool:
        """False for a code that is switched off: lets a costly rule save its work."""
        return code in self._rules

    def __call__(
        self,
        code: str,
        pointer: str,
        message: str,
        *,
        text: str = "",
        span: tuple[int, int] | None = None,
        excerpt: str = "",
        severity: Severity | None = None,
        fix: Safety | None = None,
    ) -> None:
        rule = self._rules.get(code)
        if rule is None:
            return
        mark: tuple[int, int] | None = None
        if text and not excerpt:
            excerpt, mark = excerpt_of(text, span)
        level = self._configured.get(code) or severity or rule.severity
        safety = fix or rule.safety
        offered = "" if safety == "none" else safety
        self.findings.append(Finding(code, level.value, self.row, self.line, pointer, message, excerpt, mark, offered))


class Encoded(Protocol):
    """One encoded text, as the `tokenizers` library gives it."""

    ids: list[int]

    def __len__(self) -> int: ...

    def char_to_token(self, position: int) -> int | None:
        """Which token holds a character; None for one that the tokenizer took away."""

    def token_to_chars(self, index: int) -> tuple[int, int] | None:
        """Start and end of a token's characters."""


class ChatTokenizer(Protocol):
    """The chosen model's tokenizer and chat template, no weights. A special token it lacks is "", its id -1."""

    name: str
    path: str
    """Folder with tokenizer.json, so that another process can load it again."""
    chat_template: str
    bos_token: str
    eos_token: str
    pad_token: str
    unk_token: str
    bos_id: int
    eos_id: int
    pad_id: int
    unk_id: int
    special_tokens: frozenset[str]
    context_tokens: int | None
    """The longest sequence that the model was made for, None where its config does not say."""

    @property
    def dialect(self) -> Dialect:
        """How training itself writes rows and masks them (`ftui.core.render`): what a rule says of the loss must come
        from it. `dialect.render` raises RenderError where the template refuses."""

    def token_id(self, token: str) -> int | None:
        """The id of a token of the vocabulary, None when there is none."""

    def encode_batch(self, texts: Sequence[str]) -> Sequence[Encoded]:
        """Encode texts that already hold their special tokens: none is added."""


@dataclass(frozen=True)
class Context:
    """What the run will be, as far as the user said. Everything may be unknown."""

    task: str = ""
    """sft, dpo, kto, reward, grpo, rloo or "" """
    model: str = ""
    max_length_tokens: int | None = None
    epochs: float | None = None
    batch_rows: int | None = None
    """Rows per optimizer step."""
    trainer: str = "ftui"
    """Who will train: ftui, openai, together or mistral; their limits and columns differ."""
    source: str = ""
    """Kind of the file being read: jsonl, json, csv, parquet or arrow."""
    labels: tuple[str, ...] = ()
    language: str = ""
    shuffled: bool = True
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Overrides by name, as `QUA608.loss = 0.6` in ftui.toml; ask with `threshold`."""
    tokenizer: ChatTokenizer | None = None

    def threshold(self, name: str, default: float) -> float:
        return self.thresholds.get(name, default)


@dataclass(frozen=True)
class Facts:
    """What is known of a file when it has been read to its end."""

    rows: int
    format: str
    eval_rows: int | None = None
    """Rows of the eval split, None when there is none."""
    eval_state: Mapping[str, Any] | None = None
    """The Totals of every family over the eval split, by family."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """The Totals of every family over this file, by family: for a finding that needs another family's counts."""
    held_out: bool = False
    """This file is the eval split itself."""
    eval_beside: str = ""
    """Name of a file in the same folder that seems to be the eval split, where none was given."""


DROP = None
"""What a Fixer returns to drop the row."""

Fixer = Callable[[dict[str, Any], str], dict[str, Any] | None]
"""Takes a row (its own copy: may be changed in place) and the finding's pointer; gives the repaired row, or DROP."""


def edit_text(change: Callable[[str], str]) -> Fixer:
    """A Fixer that changes the text at the pointer; of a list of content parts, each text part."""

    def fixer(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
        parent, key = resolve_parent(row, pointer)
        value = parent[key]
        if isinstance(value, str):
            parent[key] = change(value)
        elif isinstance(value, list):
            for part in value:
                if isinstance(part, dict):
                    for name in ("text", "value", "content"):
                        if isinstance(part.get(name), str):
                            part[name] = change(part[name])
        return row

    return fixer


def resolve_parent(row: Any, pointer: str) -> tuple[Any, Any]:
    """The container and the key or index that a JSON Pointer (RFC 6901) names; LookupError when it is not there."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    if not steps:
        raise LookupError("the empty pointer has no parent")
    node = row
    for step in steps[:-1]:
        node = node[int(step)] if isinstance(node, list) else node[step]
    key: Any = int(steps[-1]) if isinstance(node, list) else steps[-1]
    node[key]
    return node, key


def pointer_step(key: str) -> str:
    """One step of a JSON Pointer, escaped."""
    return key.replace("~", "~0").replace("/", "~1")
