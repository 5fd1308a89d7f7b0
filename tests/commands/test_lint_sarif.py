"""`ftui lint --format sarif` keeps to SARIF 2.1.0 (OASIS): every object it writes, with no property the standard lacks.

The schema below is the part of sarif-schema-2.1.0.json that concerns those objects, each closed as in the standard.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ftui.cli import main
from ftui.core.lint.catalogue import all_rules


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object with these properties and no other."""
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


TEXT = {"type": "string"}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
INDEX = {"type": "integer", "minimum": -1}
BAG = {"type": "object"}
MESSAGE_STRING = closed(["text"], text=TEXT, markdown=TEXT, properties=BAG)
MESSAGE = {**closed([], text=TEXT, markdown=TEXT, id=TEXT, arguments={"type": "array"}, properties=BAG),
           "anyOf": [{"required": ["text"]}, {"required": ["id"]}]}  # fmt: skip
ARTIFACT = closed([], uri={"type": "string", "format": "uri-reference"}, uriBaseId=TEXT, index=INDEX, properties=BAG)
LINE = {"type": "integer", "minimum": 1}
REGION = closed([], startLine=LINE, startColumn=LINE, endLine=LINE, endColumn=LINE, message=MESSAGE, properties=BAG)
PHYSICAL = {**closed([], artifactLocation=ARTIFACT, region=REGION, contextRegion=REGION, properties=BAG),
            "anyOf": [{"required": ["address"]}, {"required": ["artifactLocation"]}]}  # fmt: skip
LOCATION = closed([], id=INDEX, physicalLocation=PHYSICAL, message=MESSAGE, properties=BAG)
CONFIGURATION = closed([], enabled={"type": "boolean"}, level=LEVEL, rank={"type": "number"}, properties=BAG)
RULE = closed(
    ["id"], id=TEXT, name=TEXT, shortDescription=MESSAGE_STRING, fullDescription=MESSAGE_STRING, help=MESSAGE_STRING,
    helpUri={"type": "string", "format": "uri"}, defaultConfiguration=CONFIGURATION, properties=BAG,
)  # fmt: skip
DRIVER = closed(
    ["name"], name=TEXT, version=TEXT, semanticVersion=TEXT, informationUri={"type": "string", "format": "uri"},
    rules={"type": "array", "uniqueItems": True, "items": RULE}, properties=BAG,
)  # fmt: skip
RESULT = closed(
    ["message"], ruleId=TEXT, ruleIndex=INDEX, kind=TEXT, level=LEVEL, message=MESSAGE,
    locations={"type": "array", "items": LOCATION}, partialFingerprints={"type": "object"}, properties=BAG,
)  # fmt: skip
RUN = closed(
    ["tool"], tool=closed(["driver"], driver=DRIVER, extensions={"type": "array"}, properties=BAG),
    results={"type": ["array", "null"], "items": RESULT}, artifacts={"type": "array"}, properties=BAG,
)  # fmt: skip
LOG = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    **closed(
        ["version", "runs"],
        **{"$schema": {"type": "string", "format": "uri"}, "version": {"enum": ["2.1.0"]}},
        runs={"type": ["array", "null"], "items": RUN},
        properties=BAG,
    ),
}


def sarif(capsys: pytest.CaptureFixture[str], *files: Path) -> dict[str, Any]:
    capsys.readouterr()
    main(["lint", "--no-config", "--exit-zero", "--format", "sarif", *map(str, files)])
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.Draft7Validator(LOG).validate(made)
    return made


def test_every_rule_with_an_example_makes_valid_sarif(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for code, rule in all_rules().items():
        files.append(tmp_path / f"{code} \u00e9 %41:{{}}#?.jsonl")
        files[-1].write_text(rule.bad + "\n", encoding="utf-8", errors="surrogatepass")
    [run] = sarif(capsys, *files, tmp_path / "absent.jsonl")["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) > len(files) and len(rules) > 60
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii() and not set(uri) & set(' {}#?"<>\\^`')
    lines = {result["locations"][0]["physicalLocation"].get("region", {}).get("startLine") for result in run["results"]}
    assert {None, 1} <= lines


def test_nothing_found_is_valid_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "I."}]}\n')
    capsys.readouterr()
    main(["lint", "--no-config", "--select", "JSN", "--format", "sarif", str(path)])
    made = json.loads(capsys.readouterr().out)
    jsonschema.Draft7Validator(LOG).validate(made)
    assert made["runs"][0]["results"] == [] and made["runs"][0]["tool"]["driver"]["rules"] == []
