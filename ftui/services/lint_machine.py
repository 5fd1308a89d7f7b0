"""Lint results for programs: JSON (the whole document), JSON Lines, SARIF 2.1.0, GitHub annotations, JUnit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ftui import __version__
from ftui.core.lint.catalogue import all_rules
from ftui.core.lint.model import Finding, Rule
from ftui.core.text import safe
from ftui.services.lint import FileReport, duplicate_cost

SCHEMA_VERSION = 1
_XML_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def finding_document(finding: Finding) -> dict[str, Any]:
    """One finding as in --json. `fix` is null or {safety, description}."""
    rule = all_rules()[finding.code]
    return {
        "code": finding.code,
        "name": rule.name,
        "severity": finding.severity,
        "row": finding.row,
        "line": finding.line,
        "pointer": finding.pointer,
        "message": safe(finding.message),
        "excerpt": finding.excerpt,
        "mark": list(finding.mark) if finding.mark else None,
        "fix": {"safety": finding.fix, "description": rule.fix} if finding.fix else None,
    }


def file_document(report: FileReport) -> dict[str, Any]:
    """What is said of one file, without the findings."""
    found = report.findings
    return {
        "path": printable_path(report.path),
        "format": report.format,
        "columns": {name: safe(column) for name, column in report.columns.items()},
        "split": report.split,
        "rows": report.rows,
        "unreadable": report.unreadable,
        "bytes": report.bytes,
        "sha256": report.sha256,
        "seconds": round(report.seconds, 3),
        "summary": dict(sorted(found.summary.items())),
        "severities": {level: found.by_severity[level] for level in ("error", "warning", "info")},
        "accepted": report.accepted,
        "cost": {
            "duplicate_share": round(duplicate_cost(report), 4) if found.summary["DUP701"] else 0.0,
            "useless_rows": len(found.useless_rows),
            "leaked_eval_rows": found.summary["DUP705"],
        },
        "fixable": {"safe": found.fixable["safe"], "unsafe": found.fixable["unsafe"]},
    }


def printable_path(path: str) -> str:
    """A path as JSON can hold it: bytes that are no UTF-8 become U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def json_document(reports: Sequence[FileReport], extra: dict[str, Any] | None = None) -> Iterator[bytes]:
    """The --json document in pieces: {"schema_version", "files": [...]}; of a single file its keys stand on top too.

    Findings are written as they are read back, so that a million of them need no memory.
    """
    yield b'{"schema_version":' + str(SCHEMA_VERSION).encode()
    for key, value in (extra or {}).items():
        yield b"," + _dump(key) + b":" + _dump(value)
    if len(reports) == 1:
        yield b"," + _dump(file_document(reports[0]))[1:-1] + b',"findings":'
        yield from _findings(reports[0])
    yield b',"files":['
    for number, report in enumerate(reports):
        yield b"," * bool(number) + _dump(file_document(report))[:-1] + b',"findings":'
        yield from _findings(report)
        yield b"}"
    yield b"]}\n"


def _dump(value: Any) -> bytes:
    """JSON in ASCII: pointers hold column names as they are, and no character of them may reach a terminal raw."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _findings(report: FileReport) -> Iterator[bytes]:
    yield b"["
    for number, finding in enumerate(report.findings):
        yield b"," * bool(number) + _dump(finding_document(finding))
    yield b"]"


def json_lines(reports: Sequence[FileReport]) -> Iterator[bytes]:
    """One finding per line, with its path."""
    for report in reports:
        path = {"path": printable_path(report.path)}
        for finding in report.findings:
            yield _dump(path | finding_document(finding)) + b"\n"


_SARIF_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(reports: Sequence[FileReport]) -> Iterator[bytes]:
    """SARIF 2.1.0 (OASIS), for code scanning services. The row and the JSON Pointer are in `properties`."""
    codes = sorted({code for report in reports for code in report.findings.summary})
    tool = {"driver": {"name": "ftui", "version": __version__, "rules": [_sarif_rule(all_rules()[c]) for c in codes]}}
    yield b'{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":' + _dump(tool)
    yield b',"results":['
    first = True
    for report in reports:
        location = {"uri": _uri(report.path)}
        for finding in report.findings:
            physical: dict[str, Any] = {"artifactLocation": location}
            if finding.line is not None:
                physical["region"] = {"startLine": finding.line}
            result = {
                "ruleId": finding.code,
                "ruleIndex": codes.index(finding.code),
                "level": _SARIF_LEVELS[finding.severity],
                "message": {"text": safe(finding.message)},
                "locations": [{"physicalLocation": physical}],
                "properties": {"row": finding.row, "field": finding.pointer, "excerpt": finding.excerpt},
            }
            yield b"," * (not first) + _dump(result)
            first = False
    yield b"]}]}\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.explanation},
        "defaultConfiguration": {"level": _SARIF_LEVELS[rule.severity]},
    }


def _uri(path: str) -> str:
    return quote(Path(path).as_posix().encode("utf-8", "surrogateescape"), safe="/-._~")


_GITHUB_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def github(reports: Sequence[FileReport]) -> Iterator[bytes]:
    """Workflow commands that GitHub Actions shows beside the file."""
    for report in reports:
        for finding in report.findings:
            place = f"file={_property(printable_path(report.path))}"
            if finding.line is not None:
                place += f",line={finding.line}"
            title = _property(f"{finding.code} {all_rules()[finding.code].name}")
            message = safe(f"{finding.pointer} {finding.message}".strip()).replace("%", "%25")
            yield f"::{_GITHUB_LEVELS[finding.severity]} {place},title={title}::{message}\n".encode()


def _property(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace(":", "%3A").replace(",", "%2C")
    return safe(escaped)


def junit(reports: Sequence[FileReport]) -> Iterator[bytes]:
    """JUnit XML: a suite per file, a test case per finding; errors and warnings are failures."""
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="ftui lint">\n'
    for report in reports:
        found = report.findings
        failures = found.by_severity["error"] + found.by_severity["warning"]
        head = f'tests="{max(1, len(found))}" failures="{failures}" time="{report.seconds:.3f}"'
        yield f"  <testsuite name={_attribute(report.path)} {head}>\n".encode()
        if not len(found):
            yield f"    <testcase name={_attribute('no findings')} classname={_attribute(report.path)}/>\n".encode()
        for finding in found:
            name = f"{finding.code} row {finding.row}" if finding.row is not None else finding.code
            case = f"    <testcase name={_attribute(name)} classname={_attribute(report.path)}"
            if finding.severity == "info":
                yield f"{case}><system-out>{_text(finding.message)}</system-out></testcase>\n".encode()
            else:
                kind = _attribute(finding.severity)
                detail = f"line {finding.line} {finding.pointer}\n{finding.excerpt}"
                yield (f"{case}><failure type={kind} message={_attribute(finding.message)}>"
                       f"{_text(detail)}</failure></testcase>\n").encode()  # fmt: skip
        yield b"  </testsuite>\n"
    yield b"</testsuites>\n"


def _attribute(text: str) -> str:
    import html  # xml.sax.saxutils would do, but brings half of the network library with it

    return '"' + html.escape(_XML_FORBIDDEN.sub("\ufffd", safe(text))) + '"'


def _text(text: str) -> str:
    clean = _XML_FORBIDDEN.sub("\ufffd", safe(text, newlines=True))
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
