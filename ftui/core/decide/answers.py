"""What a person told us about their need: allowed values, the `Answers` object, and how it is read from JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ftui.errors import FtuiError

SCHEMA_VERSION = 1

NEEDS = (
    "private_knowledge",
    "fresh_knowledge",
    "output_format",
    "style_tone",
    "terminology",
    "task_accuracy",
    "language",
    "token_cost",
    "latency",
    "preference_alignment",
)
TRIED = ("prompting", "few_shot", "structured_output", "rag")
QUALITIES = ("none", "raw", "reviewed")
FEEDBACK = ("none", "thumbs", "scored")
CHANGE_RATES = ("never", "monthly", "weekly", "daily")
DEPLOYMENTS = ("api", "local")

MANY = {"needs": NEEDS, "tried": TRIED}
ONE_OF = {
    "example_quality": QUALITIES,
    "feedback": FEEDBACK,
    "change_rate": CHANGE_RATES,
    "deployment": DEPLOYMENTS,
}
COUNTS = ("examples", "preference_pairs")
YES_NO = ("eval_set",)
LARGEST_COUNT = 1_000_000_000_000


class Answers(NamedTuple):
    """One person's answers, immutable. None means "not said", which is another thing than none, zero or no.

    A named tuple, like every record of this package: importing `dataclasses` alone takes a fifth of the time that
    `ftui decide --answers FILE --json` needs.

    needs: what the model should do better; at least one before a verdict can be given (values of `NEEDS`).
    tried: what was tried and was not enough (values of `TRIED`); () is "nothing yet".
    examples: input-output examples that could be trained on, in rows.
    example_quality: none, raw (nobody has looked), reviewed (a person has accepted each row).
    preference_pairs: prompts with a better and a worse answer, in pairs.
    feedback: what judges answers where there are no pairs: none, thumbs (single answers marked good or bad),
        scored (a program, rule or rubric gives any answer a score).
    change_rate: how often the facts change.
    deployment: api (a hosted model) or local (weights on one's own machine).
    eval_set: whether there are held-out inputs with known good answers.
    """

    needs: tuple[str, ...] = ()
    tried: tuple[str, ...] | None = None
    examples: int | None = None
    example_quality: str | None = None
    preference_pairs: int | None = None
    feedback: str | None = None
    change_rate: str | None = None
    deployment: str | None = None
    eval_set: bool | None = None

    def to_mapping(self) -> dict[str, Any]:
        """As JSON values, without what was not said. `parse_answers` reads it back unchanged."""
        said = {name: getattr(self, name) for name in KEYS}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in said.items()
            if value is not None
        }


KEYS = Answers._fields


def with_answer(answers: Answers, key: str, value: Any) -> Answers:
    """`answers` with one key changed; None takes the answer back. Raises FtuiError for a value that is not allowed."""
    return answers._replace(**{key: _value(key, value, "answers")})


def parse_answers(data: object, source: str = "answers", *, draft: bool = False) -> Answers:
    """Check a mapping of answers. A draft may still be without a need.

    Raises FtuiError with one sentence that names the key, the allowed values and the nearest known one.
    """
    if not isinstance(data, Mapping):
        raise FtuiError(
            "Not a set of answers",
            f"{source} must hold one JSON object, not {_kind(data)}",
            f'The smallest one is {{"needs": ["style_tone"]}}; keys: {", ".join(KEYS)}.',
        )
    unknown = next((key for key in data if key not in KEYS and key != "schema_version"), None)
    if unknown is not None:
        raise FtuiError(
            "Unknown answer",
            f"{source} has the key {_shown(unknown)}; allowed keys are {', '.join(KEYS)}",
            _nearest(unknown, KEYS),
        )
    _check_version(data.get("schema_version"), source)
    answers = Answers(**{key: _value(key, data[key], source) for key in KEYS if data.get(key) is not None})
    if not answers.needs and not draft:
        raise FtuiError(
            "No need was named",
            f"{source}: needs must hold at least one of {', '.join(NEEDS)}",
            "What should the model do better than it does now?",
        )
    return answers


def answers_from_json(text: str, source: str = "answers") -> Answers:
    """Read answers from JSON text. Raises FtuiError that names `source` and the line or the key."""
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except _Twice as error:
        raise FtuiError(
            "An answer is given twice", f"{source} has the key {_shown(error.args[0])} more than once"
        ) from None
    except json.JSONDecodeError as error:
        raise FtuiError(
            "The answers are not JSON",
            f"{source}:{error.lineno}: {error.msg} at column {error.colno}",
            f'The smallest file is {{"needs": ["style_tone"]}}; keys: {", ".join(KEYS)}.',
        ) from None
    except (ValueError, RecursionError):
        raise FtuiError("The answers are not JSON", f"{source} holds a number or a nesting too large to read") from None
    return parse_answers(data, source)


class _Twice(ValueError):
    """A JSON object has one key twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return whole


def _check_version(version: object, source: str) -> None:
    if version is None:
        return
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise FtuiError("Wrong answer", f"{source}: schema_version must be {SCHEMA_VERSION}, not {_shown(version)}")
    if version > SCHEMA_VERSION:
        raise FtuiError(
            "The answers are from a newer ftui",
            f"{source} has schema_version {_shown(version)}; this ftui knows {SCHEMA_VERSION}",
            "Update it: pip install -U ftui-wizard",
        )


def _value(key: str, value: Any, source: str) -> Any:
    """One checked value in its canonical form: lists become tuples in the order of the vocabulary."""
    if key not in KEYS:
        raise FtuiError("Unknown answer", f"{source}: no key {_shown(key)}", _nearest(key, KEYS))
    if value is None:
        return () if key == "needs" else None
    if key in MANY:
        return _many(key, value, source)
    if key in ONE_OF:
        if not isinstance(value, str) or value not in ONE_OF[key]:
            raise _wrong(key, value, f"one of {', '.join(ONE_OF[key])}", source, ONE_OF[key])
        return value
    if key in COUNTS:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
            raise _wrong(key, value, f"a whole number from 0 to {LARGEST_COUNT:,}", source)
        return value
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false", source)
    return value


def _many(key: str, value: Any, source: str) -> tuple[str, ...]:
    allowed = MANY[key]
    if not isinstance(value, list | tuple):
        raise _wrong(key, value, f"a list of {', '.join(allowed)}", source)
    for item in value:
        if not isinstance(item, str) or item not in allowed:
            raise _wrong(key, item, f"a list of {', '.join(allowed)}", source, allowed)
    return tuple(name for name in allowed if name in value)


def _wrong(key: str, value: object, wanted: str, source: str, allowed: tuple[str, ...] = ()) -> FtuiError:
    return FtuiError("Wrong answer", f"{source}: {key} must be {wanted}, not {_shown(value)}", _nearest(value, allowed))


def _nearest(value: object, allowed: tuple[str, ...]) -> str:
    """ "Did you mean ...?" or nothing."""
    if not isinstance(value, str) or not allowed:
        return ""
    from difflib import get_close_matches

    wanted = value.strip().lower().replace("-", "_").replace(" ", "_")[:80]
    close = get_close_matches(wanted, allowed, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else ""


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else "a number"


def _shown(value: object) -> str:
    """A wrong value as it stood in the file, short and safe for a terminal."""
    from ftui.core.text import clip

    try:
        return clip(json.dumps(value, ensure_ascii=False, default=str), 60)
    except (ValueError, RecursionError):
        return "something too large to show"
