"""The model card of an export: what it is, what it was trained on, how much better it is, how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui.core.plan import Plan, result_stage, stage_plan


def model_card(
    plan: Plan,
    *,
    format_name: str,
    verdict: Mapping[str, Any] | None,
    manifest: Mapping[str, Any] | None,
    environment: Mapping[str, Any] | None,
    check: Mapping[str, Any] | None,
    license_of_base: str = "",
    license_of_data: str = "",
) -> str:
    """Markdown with the YAML header that the hub reads. Paths of the training machine are left out."""
    base = (
        plan.model.id if not plan.model.id.startswith(("/", "~", ".")) else plan.model.id.rstrip("/").rpartition("/")[2]
    )
    method = plan.method
    lora = f", rank {method.lora_rank}, alpha {method.lora_alpha}" if method.technique != "full" else ""
    last = result_stage(plan)
    task = method.task if last is None else stage_plan(plan, last).method.task
    how = f"{task}, {method.technique}{lora}" if last is None else _stages(plan)
    lines = [
        "---",
        f"base_model: {base}",
        *(["license: " + license_of_base] if license_of_base else []),
        "library_name: " + ("peft" if format_name == "adapter" else "transformers"),
        "tags:",
        "- ftui",
        f"- {task}",
        f"- {method.technique}",
        "---",
        "",
        f"# {plan.run.name}",
        "",
        f"{base}, tuned with ftui: {how}.",
        "",
        "## How good it is",
        "",
        *_verdict_lines(verdict),
        "",
        "## What it was trained on",
        "",
        *_data_lines(manifest),
        "",
        "## Licences",
        "",
        f"- of the base: {license_of_base or 'not known here; see the page of ' + base}",
        f"- of the data: {license_of_data or 'not stated with the data; ask whoever made it before you pass this on'}",
        "",
        "## How it was trained",
        "",
        f"- learning rate {plan.train.learning_rate:g}, {plan.train.schedule}, warm-up {plan.train.warmup_ratio:g}",
        f"- {plan.train.micro_batch} x {plan.train.accumulation} rows a step",
        f"- at most {plan.data.max_length_tokens} tokens a row",
        f"- seed {plan.train.seed}",
        *_package_lines(environment),
        "",
        "## How to load it",
        "",
        "```python",
        *_loading(format_name, base, task),
        "```",
        "",
        *_check_lines(check),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _verdict_lines(verdict: Mapping[str, Any] | None) -> list[str]:
    if not verdict:
        return ["It was not compared with its base."]
    lines = [f"Verdict: **{str(verdict['verdict']).replace('DONT_SHIP', 'DO NOT SHIP')}**", ""]
    lines += ["| metric | base | tuned | change | 95 % interval | rows |", "|---|---|---|---|---|---|"]
    for name, m in verdict.get("metrics", {}).items():
        interval = f"{m['ci_low']:+.3g} to {m['ci_high']:+.3g}"
        lines.append(f"| {name} | {m['base']:.3g} | {m['tuned']:.3g} | {m['delta']:+.3g} | {interval} | {m['n']} |")
    return [*lines, "", *(f"- {_plain(reason)}" for reason in verdict.get("reasons", []))]


def _data_lines(manifest: Mapping[str, Any] | None) -> list[str]:
    if not manifest:
        return ["No manifest."]
    lines = []
    for part, facts in manifest.get("parts", {}).items():
        lines.append(f"- {part}: {facts.get('rows')} rows, fingerprint `{str(facts.get('fingerprint_ordered'))[:16]}`")
    for part, files in manifest.get("sources", {}).items():
        lines += [
            f"- {part} file `{_name(file.get('path', ''))}`, SHA-256 `{str(file.get('sha256'))[:16]}`" for file in files
        ]
    return lines or ["Nothing recorded."]


def _package_lines(environment: Mapping[str, Any] | None) -> list[str]:
    packages = (environment or {}).get("packages", {})
    known = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    return [f"- {known}"] if known else []


def _stages(plan: Plan) -> str:
    made = [stage_plan(plan, index).method for index in range(len(plan.stages))]
    return ", then ".join(f"{method.task} ({method.technique})" for method in made)


def _loading(format_name: str, base: str, task: str) -> list[str]:
    loader = "AutoModelForSequenceClassification" if task == "reward" else "AutoModelForCausalLM"
    head = ", num_labels=1" if task == "reward" else ""
    if format_name == "adapter":
        return [
            "from peft import PeftModel",
            f"from transformers import {loader}, AutoTokenizer",
            f'model = PeftModel.from_pretrained({loader}.from_pretrained("{base}"{head}), "THIS_FOLDER")',
            'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")',
        ]
    return [
        f"from transformers import {loader}, AutoTokenizer",
        f'model = {loader}.from_pretrained("THIS_FOLDER")',
        'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")',
    ]


def _check_lines(check: Mapping[str, Any] | None) -> list[str]:
    if not check:
        return []
    return ["## Check of this export", "", *(f"- {_plain(line)}" for line in check_lines(check))]


def check_lines(check: Mapping[str, Any]) -> list[str]:
    """A check report in words."""
    if not check.get("compared"):
        return ["nothing could be compared: the run has no held-out prompts"]
    measured, asked = check.get("measure", "same_text"), f"at least {check['threshold']:.0%} were asked for"
    if measured == "same_order":
        words = f"{check['same_order']:.1%} of {check['compared']} held-out pairs are put in the same order"
        lines = [f"{words} as by the reward model that was trained ({asked})"]
        return [*lines, f"largest difference of a reward: {check['largest_logit_difference']:.3g}"]
    same = f"{check['same_text']:.1%} of {check['compared']} held-out prompts gave the same greedy text"
    lines = [f"{same} as the tuned model" + (f" ({asked})" if measured == "same_text" else "")]
    if check.get("same_next_token") is not None:
        words = f"{check['same_next_token']:.1%} of the tuned model's own tokens would be written here, too"
        lines.append(words + (f" ({asked})" if measured == "same_next_token" else ""))
    if check.get("llama_cpp_same_text") is not None:
        lines.append(f"{check['llama_cpp_same_text']:.1%} gave the same text in llama.cpp itself")
    if check.get("largest_logit_difference") is not None:
        lines.append(f"largest difference of a logit: {check['largest_logit_difference']:.3g}")
    return lines


def _plain(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2].replace("`", "'")
