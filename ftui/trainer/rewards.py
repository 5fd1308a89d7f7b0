"""What a completion is worth: functions that the plan names, a reward model, or the user's own Python.

Every function takes the completions' texts and their rows and gives one number each. One that raises or gives a value
that is no number ends the run with the row named: a policy must not learn from rubbish.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftui.trainer.failure import TrainerError
from ftui.trainer.job import Job, read_rows

Row = dict[str, Any]
Judge = Callable[[str, Row, int], float]
"""(completion, canonical row, completion tokens) -> reward."""

PARSES = 0.25
"""json_schema: what a completion that is JSON but not valid gets, so that there is a way up to 1."""


TRIED_ROWS = 16
"""So many rows are judged before the model is loaded."""


def reward_functions(job: Job, tokenizer: Any) -> list[Callable[..., list[float]]]:
    """The plan's rewards as TRL calls them; their sum is maximised. Raises TrainerError where there is none."""
    functions = [_for_trl(name, judge) for name, judge in judges(job)]
    folder = job.plan.method.reward_model
    if folder:
        functions.append(_model_reward(job, Path(folder), tokenizer))
    if not functions:
        raise TrainerError(
            "Nothing rewards the model",
            "method.rewards is empty and method.reward_model is not set",
            "Name rewards (exact_match, json_schema, regex:..., length:..., file:...), or train a reward model first.",
            reason="data",
        )
    return functions


def try_rewards(job: Job, tokenizer: Any) -> None:
    """Let the plan's functions judge the first rows' own answers (or none), before a model is loaded.

    Raises TrainerError where one fails, or gives no number: not hours later, in the middle of the training. And where
    the reward model is not there, or reads another vocabulary than the policy writes.
    """
    if job.plan.method.reward_model:
        _refuse_other_vocabulary(reward_folder(Path(job.plan.method.reward_model)), tokenizer)
    rows = list(itertools.islice(read_rows(job.folder / "data" / "train.jsonl"), TRIED_ROWS))
    for name, judge in judges(job):
        for number, row in enumerate(rows):
            answer = reference(row) if has_reference(row) else ""
            _judged(name, judge, answer, row, number, len(answer.split()))


def judges(job: Job) -> list[tuple[str, Judge]]:
    """The functions named in method.rewards, each with a name for its curve."""
    made = []
    for spec in job.plan.method.rewards:
        kind, _, detail = spec.partition(":")
        match kind:
            case "exact_match":
                made.append((kind, exact_match))
            case "json_schema":
                made.append((kind, json_schema(job)))
            case "regex":
                made.append((kind, regex(detail)))
            case "length":
                made.append((kind, length(detail)))
            case "file":
                made.append((Path(detail).stem, from_file(job, detail)))
            case _:
                raise TrainerError(
                    "No such reward",
                    f"method.rewards names {spec!r}",
                    "Known are exact_match, json_schema, regex:PATTERN, length:MIN-MAX, file:PATH.",
                    reason="data",
                )
    return made


def exact_match(completion: str, row: Row, tokens: int) -> float:
    """1 where the completion is the row's answer, spaces at its ends aside."""
    return float(completion.strip() == reference(row).strip())


def json_schema(job: Job) -> Judge:
    """1 for a completion that is valid by the run's JSON Schema, 0.25 for one that is JSON at all."""
    import jsonschema

    file = job.run_folder / "data" / "schema.json"
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
        validator = jsonschema.validators.validator_for(schema)(schema)
        validator.check_schema(schema)
    except (OSError, ValueError, jsonschema.SchemaError) as error:
        words = str(error).splitlines()[0]
        hint = "Set eval.schema to a JSON Schema file."
        raise TrainerError("The reward has no schema", f"{file}: {words}", hint, reason="data") from None

    def judge(completion: str, row: Row, tokens: int) -> float:
        try:
            value = json.loads(completion)
        except (ValueError, RecursionError):
            return 0.0
        return 1.0 if validator.is_valid(value) else PARSES

    return judge


def regex(pattern: str) -> Judge:
    """1 where the whole completion matches the pattern."""
    try:
        compiled = re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise TrainerError("The reward's pattern is broken", f"regex:{pattern}: {error}", reason="data") from None
    return lambda completion, row, tokens: float(compiled.fullmatch(completion.strip()) is not None)


def length(bounds: str) -> Judge:
    """1 inside MIN-MAX tokens; outside it falls to 0 over as many tokens as the nearer bound has."""
    found = re.fullmatch(r"(\d+)-(\d+)", bounds)
    if not found or int(found[1]) > int(found[2]):
        raise TrainerError("The reward's bounds are broken", f"length:{bounds} is not MIN-MAX", reason="data")
    low, high = int(found[1]), int(found[2])

    def judge(completion: str, row: Row, tokens: int) -> float:
        miss = max(low - tokens, tokens - high, 0)
        return max(0.0, 1.0 - miss / max(1, low if tokens < low else high))

    return judge


def from_file(job: Job, path: str) -> Judge:
    """The function `reward(completion: str, row: dict) -> float` of a Python file, which the plan must trust."""
    if not job.plan.method.trust_reward_file:
        raise TrainerError(
            "The reward file is not trusted",
            f"file:{path} would run its Python code",
            "Read it, then set method.trust_reward_file.",
            reason="data",
        )
    try:
        spec = importlib.util.spec_from_file_location(f"reward_{Path(path).stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        function = module.reward
    except Exception as error:  # it is the user's code: it can raise anything
        words = f"file:{path}: {type(error).__name__}: {error}"
        hint = "It must define reward(completion: str, row: dict) -> float."
        raise TrainerError("The reward file cannot be used", words, hint, reason="data") from None
    return lambda completion, row, tokens: function(completion, row)


def has_reference(row: Row) -> bool:
    """Whether the row gives an answer."""
    try:
        reference(row)
    except TrainerError:
        return False
    return True


def reference(row: Row) -> str:
    """The answer that a row gives: an `answer` column, a completion, or its last assistant message."""
    for name in ("answer", "reference", "solution"):
        if isinstance(row.get(name), str | int | float):
            return str(row[name])
    if isinstance(row.get("completion"), str):
        return str(row["completion"])
    messages = row.get("messages") or row.get("completion") or row.get("chosen") or []
    for message in reversed(messages):
        if message.get("role") == "assistant":
            return str(message.get("content") or "")
    raise TrainerError(
        "A row has no answer to match",
        f"exact_match needs an `answer` column; this row has {', '.join(sorted(row))}",
        reason="data",
    )


def _for_trl(name: str, judge: Judge) -> Callable[..., list[float]]:
    def function(
        completions: list[str], completion_ids: list[list[int]], row_json: list[str], row: list[int], **_: Any
    ) -> list[float]:
        return [
            _judged(name, judge, completion, json.loads(text), number, len(ids))
            for completion, ids, text, number in zip(completions, completion_ids, row_json, row, strict=True)
        ]

    function.__name__ = re.sub(r"\W", "_", name)
    return function


def _judged(name: str, judge: Judge, completion: str, row: Row, number: int, tokens: int) -> float:
    """What one completion is worth. Raises TrainerError naming the row where that fails or is no number."""
    try:
        value = float(judge(completion, row, tokens))
    except TrainerError as error:
        raise TrainerError(error.title, f"row {number}: {error.message}", error.hint, reason="data") from None
    except Exception as error:  # the user's function, or data that it did not expect
        words = f"row {number}: {type(error).__name__}: {error}; completion {completion[:80]!r}"
        raise TrainerError(f"The reward {name} fails", words, reason="data") from None
    if not math.isfinite(value):
        words = f"row {number}: it gives {value} for {completion[:80]!r}"
        raise TrainerError(f"The reward {name} is not a number", words, reason="data")
    return value


def _model_reward(job: Job, folder: Path, tokenizer: Any) -> Callable[..., list[float]]:
    """A trained reward model as a function: it reads prompt and completion as the tokens they are."""
    import torch

    model = load_reward_model(job, folder)

    def reward_model(prompts: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
        ids = [
            prompt + list(answer)
            for prompt, answer in zip(
                tokenizer(prompts, add_special_tokens=False)["input_ids"], completion_ids, strict=True
            )
        ]
        batch = tokenizer.pad({"input_ids": ids}, padding=True, padding_side="right", return_tensors="pt")
        with torch.inference_mode():
            scores = model(**batch.to(model.device)).logits[:, 0].float()
        return [float(score) for score in scores]

    return reward_model


def reward_folder(folder: Path) -> Path:
    """Where the reward model of a folder or of a finished run lies. Raises TrainerError where there is none."""
    if (folder / "plan.yaml").is_file():
        folder = folder / "model"
    if not any((folder / name).is_file() for name in ("adapter_config.json", "config.json")):
        message = f"{folder} has neither config.json nor adapter_config.json"
        raise TrainerError("No such reward model", message, "Check method.reward_model.", reason="data")
    return folder


def _refuse_other_vocabulary(folder: Path, tokenizer: Any) -> None:
    """The reward model gets the policy's tokens as they are: they must mean the same to both."""
    if not (folder / "tokenizer.json").is_file():
        return  # an adapter without a tokenizer of its own
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"].get("vocab")
    own = json.loads(tokenizer.backend_tokenizer.to_str())["model"].get("vocab")
    if vocabulary != own:
        raise TrainerError(
            "The reward model has another vocabulary",
            f"{folder} was trained with another tokenizer than the policy's",
            "Train the reward model on the policy's own base model.",
            reason="data",
        )


def load_reward_model(job: Job, folder: Path) -> Any:
    """The reward model of a folder or of a finished run, frozen. Raises TrainerError where there is none."""
    from ftui.trainer.models import load_model

    folder = reward_folder(folder)
    adapter = folder / "adapter_config.json"
    job.phase("loading", "the reward model")
    if adapter.is_file():
        from peft import PeftModel

        base = json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"]
        model = PeftModel.from_pretrained(load_model(job, kind="reward", folder=base), str(folder))
    else:
        model = load_model(job, kind="reward", folder=str(folder))
    model.requires_grad_(False)
    model.eval()
    config = model.config.get_text_config()
    if config.pad_token_id is None:
        from ftui.trainer.dialect import load_tokenizer

        config.pad_token_id = load_tokenizer(job.base, job.plan).pad_token_id
    return model
