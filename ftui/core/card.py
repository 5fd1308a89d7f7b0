"""The model card of an export: what it is, what it was trained on, how much better it is, how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui.core.plan import Plan


def model_card(
    plan: Plan,
    *,
    format_name: str,
    verdict: Mapping[str, Any] | None,
    manifest: Mapping[str, Any] | None,
    environment: Mapping[str, Any] | None,
    check: Mapping[str, Any] | None,
    license_of_base: str = "",
) -> str:
    """Markdown with the YAML header that the hub reads. Paths of the training machine are left out."""
    base = (
        plan.model.id if not plan.model.id.startswith(("/", "~", ".")) else plan.model.id.rstrip("/").rpartition("/")[2]
    )
    method = plan.method
    lora = f", rank {method.lora_rank}, alpha {method.lora_alpha}" if method.technique != "full" else ""
    lines = [
        "---",
        f"base_model: {base}",
        *(["license: " + license_of_base] if license_of_base else []),
        "library_name: " + ("peft" if format_name == "adapter" else "transformers"),
        "tags:",
        "- ftui",
        f"- {method.task}",
        f"- {method.technique}",
        "---",
        "",
        f"# {plan.run.name}",
        "",
        f"{base}, tuned with ftui: {method.task}, {method.technique}{lora}.",
        "",
        "## How good it is",
        "",
        *_verdict_lines(verdict),
        "",
        "## What it was trained on",
        "",
        *_data_lines(manifest),
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
        *_loading(format_name, base),
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


def _loading(format_name: str, base: str) -> list[str]:
    if format_name == "adapter":
        return [
            "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            f'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "THIS_FOLDER")',
            'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")',
        ]
    return [
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        'model = AutoModelForCausalLM.from_pretrained("THIS_FOLDER")',
        'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")',
    ]


def _check_lines(check: Mapping[str, Any] | None) -> list[str]:
    if not check:
        return []
    words = (
        f"{check['same_text']:.1%} of {check['compared']} prompts gave the same greedy text as the tuned model "
        f"(at least {check['threshold']:.0%} were asked for). "
        f"Largest difference of a logit: {check['largest_logit_difference']}."
    )
    return ["## Check of this export", "", words]


def _plain(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2].replace("`", "'")
