"""`ftui lint` as people and programs use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import ftui
from ftui.cli import main
from ftui.core.lint.catalogue import all_rules

REPO = Path(ftui.__file__).parents[1]
SHARED = REPO.parent / "shared" / "data"
HOSTILE = SHARED / "hostile"
REAL = SHARED / "real"
needs_shared = pytest.mark.skipif(not HOSTILE.is_dir(), reason="the shared test data is not on this machine")

GOOD = [{"messages": [{"role": "user", "content": f"What is {n} plus {n}?"},
                      {"role": "assistant", "content": f"{n} plus {n} makes {2 * n}, as counting on fingers shows."}]}
        for n in range(60)]  # fmt: skip


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def lint(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["lint", "--no-config", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    out = lint(capsys, "--json", *arguments)[1]
    made: dict[str, Any] = json.loads(out)
    return made


def schema() -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(json.loads((REPO / "ftui" / "schemas" / "lint.json").read_text()))


def test_a_clean_file_gives_zero_and_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = lint(capsys, write(tmp_path / "a.jsonl", GOOD), "--ignore", "DST,DUP709")
    assert code == 0
    assert "Nothing found" in out


def test_without_rows_it_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = lint(capsys, write(tmp_path / "empty.jsonl", []))
    assert code == 1 and "Was it written to its end?" in out
    code, out, _ = lint(capsys, tmp_path / "nowhere.jsonl")
    assert code == 2 and "Is the path right?" in out


def test_json_is_as_the_contract_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*GOOD, {"messages": [{"role": "user", "content": "alone"}]}]
    path = write(tmp_path / "a.jsonl", rows)
    code, out, _ = lint(capsys, path, "--json")
    made = json.loads(out)
    schema().validate(made)
    assert code == 1
    [file] = made["files"]
    assert {key: made[key] for key in file} == file, "of a single file the keys stand on top too"
    assert (file["path"], file["format"], file["rows"], file["bytes"]) == (str(path), "chat", 61, path.stat().st_size)
    import hashlib

    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    [finding] = [f for f in file["findings"] if f["code"] == "MSG406"]
    assert (finding["row"], finding["line"], finding["severity"]) == (60, 61, "error")
    assert sum(file["summary"].values()) == len(file["findings"])


def test_findings_point_at_physical_lines_and_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": 7}]}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(GOOD[0]) + "\n\n\n" + json.dumps(bad) + "\n")
    [finding] = [f for f in document(capsys, path)["findings"] if f["code"] == "SCH303"]
    assert (finding["row"], finding["line"], finding["pointer"]) == (1, 4, "/messages/1/content")


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, empty = write(tmp_path / "good.jsonl", GOOD), write(tmp_path / "empty.jsonl", [])
    assert lint(capsys, good)[0] == 0
    assert lint(capsys, good, "--fail-on", "warning")[0] == 1
    assert lint(capsys, empty)[0] == 1
    assert lint(capsys, empty, "--exit-zero")[0] == 0
    assert lint(capsys, tmp_path / "nothing.jsonl")[0] == 2
    assert lint(capsys, tmp_path / "nothing.jsonl", "--json")[0] == 2
    assert lint(capsys)[0] == 2
    assert lint(capsys, good, "--select", "XYZ1")[0] == 2


def test_codes_are_chosen_by_prefix_and_the_longer_wins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", [*GOOD[:2], GOOD[0], {"text": "x"}])
    assert set(document(capsys, path, "--select", "DUP")["summary"]) == {"DUP701"}
    assert not document(capsys, path, "--select", "DUP", "--ignore", "DUP7")["summary"]
    assert set(document(capsys, path, "--select", "DUP701,SCH3", "--ignore", "DUP")["summary"]) >= {"DUP701", "SCH302"}


def test_leaks_into_the_eval_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = write(tmp_path / "train.jsonl", GOOD)
    own = [{"role": "user", "content": "Another?"}, {"role": "assistant", "content": "Another answer, of its own."}]
    held = write(tmp_path / "eval.jsonl", [GOOD[3], GOOD[9], {"messages": own}])
    made = document(capsys, train, "--eval", held)
    leaks = [(f["row"], f["line"]) for f in made["findings"] if f["code"] == "DUP705"]
    assert leaks == [(3, 4), (9, 10)]
    assert made["summary"]["DST803"] == 1, "and three eval rows are few"
    both = document(capsys, train, held)
    assert [file["summary"].get("DUP705", 0) for file in both["files"]] == [2, 0], "file names tell the splits"
    assert "DST802" not in both["files"][0]["summary"]


def test_near_duplicates_do_not_count_what_all_prompts_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "Turn the message into a ticket. Answer with one JSON object and nothing else, with these keys. " * 3
    words = "kettle lamp router watch camera vacuum speaker heater cable mirror".split()  # noqa: SIM905
    asked = [f"My {one} fell on the {two} at noon." for one in words for two in words]
    for name, row in (
        ("system", lambda text: [{"role": "system", "content": rule}, {"role": "user", "content": text}]),
        ("prompt", lambda text: [{"role": "user", "content": rule + text}]),
    ):
        rows = [{"messages": [*row(text), {"role": "assistant", "content": f"{text[3:12]}!"}]} for text in asked]
        path = write(tmp_path / f"{name}.jsonl", rows)
        assert "DUP702" not in document(capsys, path, "--select", "DUP702")["summary"], name


def test_an_eval_split_beside_the_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, held = write(tmp_path / "a.train.jsonl", GOOD), write(tmp_path / "a.eval.jsonl", GOOD[:3])
    write(tmp_path / "b.eval.jsonl", GOOD)
    [finding] = document(capsys, train, "--select", "DST802")["findings"]
    assert "a.eval.jsonl lies beside this file" in finding["message"]
    assert set(document(capsys, held, "--select", "DST")["summary"]) == {"DST803"}, "an eval split needs none itself"


def test_a_folder_is_checked_split_by_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder / "train-0.jsonl", GOOD[:30])
    write(folder / "train-1.jsonl", GOOD[20:])
    write(folder / "validation.jsonl", GOOD[5:6])
    files = document(capsys, folder)["files"]
    assert [file["rows"] for file in files] == [70, 1]
    assert files[0]["summary"]["DUP701"] == 10, "duplicates are found across the shards"
    assert files[0]["summary"]["DUP705"] == 1


def test_machine_formats_are_well_formed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(
        tmp_path / 'a"<&\u202e%:.jsonl', [*GOOD[:3], GOOD[0], {"messages": [{"role": "user", "content": "<x>&\u0000"}]}]
    )
    count = len(document(capsys, path)["findings"])
    assert count > 3
    lines = lint(capsys, path, "--format", "jsonl")[1].splitlines()
    assert len(lines) == count and all("code" in json.loads(line) for line in lines)
    sarif = json.loads(lint(capsys, path, "--format", "sarif")[1])
    results = sarif["runs"][0]["results"]
    assert sarif["version"] == "2.1.0" and len(results) == count
    regions = [r["locations"][0]["physicalLocation"].get("region", {}).get("startLine") for r in results]
    assert 4 in regions
    ids = {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in results} <= ids
    github = lint(capsys, path, "--format", "github")[1].splitlines()
    assert len(github) == count and all(line.startswith(("::error ", "::warning ", "::notice ")) for line in github)
    assert all("\u202e" not in line for line in github)
    tree = ElementTree.fromstring(lint(capsys, path, "--format", "junit")[1])
    assert len(tree.findall(".//testcase")) == count
    concise = lint(capsys, path, "--format", "concise")[1].splitlines()
    assert len(concise) == count


def test_text_is_capped_and_json_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", [GOOD[0]] * 50)
    out = lint(capsys, path)[1]
    assert "and 44 more" in out and "--select DUP701 --all" in out
    assert len(document(capsys, path, "--select", "DUP701")["findings"]) == 49
    assert lint(capsys, path, "--select", "DUP701", "--all")[1].count("the same as row 0") == 49
    assert "49 duplicates" in out and "% of your compute" in out


def test_no_output_holds_a_control_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;pwned\x07\x1b[2J\x9b31m\u202e\u200b\r\x08"
    rows = [
        *GOOD[:12],
        {"messages": [{"role": evil, "content": evil}, {"role": "assistant", "content": evil * 3}], evil: 1},
    ]
    path = write(tmp_path / "ev\x1b]0;x\x07il\n.jsonl", rows)
    formats = [
        ["--format", name] for name in ("full", "grouped", "concise", "json", "jsonl", "sarif", "github", "junit")
    ]
    for arguments in (*formats, ["--statistics"], ["--diff", "--unsafe-fixes"]):
        _, out, err = lint(capsys, path, *arguments)
        raw = [c for c in out + err if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or c in "\u202e\u200b"]
        assert not raw, (arguments, raw)


def test_explain_and_rules(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = lint(capsys, "explain", "dup701")
    assert code == 0
    assert all(word in out for word in ("DUP701", "Bad:", "Good:", "Fix:"))
    assert lint(capsys, "explain", "exact-duplicate")[1] == out
    code, _, err = lint(capsys, "explain", "DUP999")
    assert code == 2 and "DUP" in err
    rules = json.loads(lint(capsys, "rules", "--json")[1])["rules"]
    assert {rule["code"] for rule in rules} == set(all_rules())
    for rule in rules:
        assert all(rule[key] for key in ("name", "summary", "explanation", "bad", "good")), rule["code"]
        assert rule["safety"] == "none" or rule["fix"], rule["code"]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule["name"]), rule["name"]
    assert len({rule["name"] for rule in rules}) == len(rules)


def test_a_baseline_accepts_what_is_there_and_only_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = {"messages": [{"role": "user", "content": "alone"}]}
    path, baseline = write(tmp_path / "a.jsonl", [*GOOD, bad]), tmp_path / "base.json"
    assert lint(capsys, path, "--add-baseline", "--baseline", baseline)[0] == 0
    assert lint(capsys, path, "--baseline", baseline)[0] == 0
    assert document(capsys, path, "--baseline", baseline)["accepted"] > 0
    other = {"messages": [{"role": "user", "content": "another one"}]}
    write(path, [other, bad, *GOOD])  # re-ordered, and one more
    made = document(capsys, path, "--baseline", baseline)
    assert [f["row"] for f in made["findings"] if f["code"] == "MSG406"] == [0]
    assert made["summary"]["FIL015"] == 1, "and the file is not the one that was looked at"
    write(path, GOOD)
    assert "match nothing any more" in lint(capsys, path, "--baseline", baseline)[2]
    assert lint(capsys, path, "--baseline", tmp_path / "none.json")[0] == 2


def test_a_row_can_switch_a_rule_off_for_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad: dict[str, Any] = {"messages": [{"role": "user", "content": "alone"}]}
    path = write(tmp_path / "a.jsonl", [*GOOD, bad, {**bad, "_ftui_ignore": ["MSG4"]}])
    assert [f["row"] for f in document(capsys, path)["findings"] if f["code"] == "MSG406"] == [60]


def test_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.jsonl", [*GOOD, GOOD[0]])
    config = tmp_path / "ftui.toml"
    config.write_text('[lint]\nselect = ["DUP", "DST"]\nfail-on = "warning"\n[lint.severity]\nDUP701 = "error"\n'
                      '[lint.per-file-ignores]\n"b.jsonl" = ["DUP701"]\n')  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["lint", "a.jsonl", "--json"]) == 1
    made = json.loads(capsys.readouterr().out)
    assert {f["code"]: f["severity"] for f in made["findings"]}["DUP701"] == "error"
    write(tmp_path / "b.jsonl", [*GOOD, GOOD[0]])
    main(["lint", "b.jsonl", "--json"])
    assert "DUP701" not in json.loads(capsys.readouterr().out)["summary"]
    assert main(["lint", str(path), "--show-config"]) == 0
    assert json.loads(capsys.readouterr().out)["lint"]["fail-on"] == "warning"
    for text, word in (("[lint]\nselct = []", "select"), ("[lint]\nselect = 3", "list"), ("[lint", "TOML"),
                       ('[lint.severity]\nXYZ = "error"', "rule"), ('[lint]\nfail-on = "bad"', "never")):  # fmt: skip
        config.write_text(text)
        assert main(["lint", "a.jsonl"]) == 2
        assert word in capsys.readouterr().err, text


def test_thresholds_and_run_settings_reach_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", GOOD)
    assert "DST809" in document(capsys, path, "--epochs", "1", "--batch-rows", "16")["summary"]
    assert "DST809" not in document(capsys, path, "--epochs", "10", "--batch-rows", "16")["summary"]
    extra = write(tmp_path / "b.jsonl", [{**row, "note": "x"} for row in GOOD])
    severities = {f["code"]: f["severity"] for f in document(capsys, extra, "--target", "openai")["findings"]}
    assert severities["SCH305"] == "warning"


def test_a_mapping_names_the_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", [{"frage": f"Was ist {n}?", "antwort": "Eine Zahl ist das."} for n in range(12)])
    assert document(capsys, path)["summary"]["SCH301"] == 12
    made = document(capsys, path, "--map", "prompt=frage", "--map", "completion=antwort")
    assert made["format"] == "completion" and "SCH301" not in made["summary"]
    assert lint(capsys, path, "--map", "prompt")[0] == 2


def test_benchmark_items_among_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    item = "A farmer has seven sheep and buys four more each spring for three years, how many has he then"
    bench = write(tmp_path / "bench.jsonl", [{"question": item, "answer": "19"}])
    path = write(tmp_path / "a.jsonl", [*GOOD, {"prompt": f"Solve this: {item.upper()}!", "completion": "It is 19."}])
    found = [f["row"] for f in document(capsys, path, "--benchmark", bench)["findings"] if f["code"] == "DUP707"]
    assert found == [60]


def test_standard_input_and_names_with_a_dash(tmp_path: Path) -> None:
    path = write(tmp_path / "-rf --help.jsonl", GOOD)
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    command = [sys.executable, "-m", "ftui", "lint", "--no-config", "--json"]
    dashed = subprocess.run(
        [*command, "--", path.name], cwd=tmp_path, capture_output=True, env=environment, check=False
    )
    piped = subprocess.run([*command, "-"], input=path.read_bytes(), capture_output=True, env=environment, check=False)
    for done in (dashed, piped):
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["rows"] == 60
        assert done.stderr == b"", "no progress line where stderr is no terminal"


def test_lint_loads_neither_torch_nor_the_terminal_interface(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", GOOD)
    code = ("import sys; from ftui.cli import main; main(['lint', '--no-config', sys.argv[1]]);"
            "bad = {'torch', 'transformers', 'textual', 'rich', 'numpy', 'datasets', 'pyarrow'} & set(sys.modules);"
            "sys.exit(f'loaded {bad}' if bad else 0)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False, cwd=REPO)
    assert done.returncode == 0, done.stderr


@needs_shared
@pytest.mark.parametrize("line", [line for line in (
    (HOSTILE / "EXPECTED.md").read_text().splitlines() if HOSTILE.is_dir() else []) if line.startswith("| `")],
    ids=lambda line: line.split("`")[1][:30].encode("ascii", "replace").decode())  # fmt: skip
def test_every_hostile_file_gives_its_codes(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    path = HOSTILE / cells[0].strip("`").rstrip("/")
    if not path.exists():
        pytest.skip("not stored: its name or kind does not travel")
    wanted = set(re.findall(r"[A-Z]{3}\d{3}", cells[3])) - ({"DUP705"} if "with 121_eval" in cells[3] else set())
    wanted -= {"MSG402"} if "SCH310/MSG402" in cells[3] else set()
    before = path.read_bytes() if path.is_file() else b""
    made = document(capsys, path)
    assert wanted <= set(made["summary"])
    readable = int(cells[2] or 0)
    assert readable < 0 or made["rows"] == readable
    if "only" in cells[3] or cells[3].startswith("none"):
        assert {code for code in made["summary"] if not code.startswith("DST80")} <= {"QUA608"}
    assert not path.is_file() or path.read_bytes() == before


@needs_shared
def test_the_real_leak_and_its_duplicates(capsys: pytest.CaptureFixture[str]) -> None:
    made = document(capsys, REAL / "mlx-wwdc25/train.jsonl", "--eval", REAL / "mlx-wwdc25/valid.jsonl")
    assert {code: made["summary"][code] for code in ("DUP701", "DUP703", "DUP705")} == {
        "DUP701": 437, "DUP703": 265, "DUP705": 16}  # fmt: skip
    message = next(f["message"] for f in made["findings"] if f["code"] == "DUP705")
    assert "16 of 144 eval rows, 48 of their prompts" in message


@needs_shared
@pytest.mark.parametrize("name", ["tinker-cookbook/conversations.jsonl", "litgpt/alpaca.json"])
def test_clean_sets_have_nothing_above_info_but_their_size(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    above = {f["code"] for f in document(capsys, REAL / name)["findings"] if f["severity"] != "info"}
    assert all(code.startswith("DST80") for code in above), above


@needs_shared
@pytest.mark.parametrize(("name", "oracle"), [
    ("stanford_alpaca/alpaca_5000.json", "alpaca_5000_oracle.json"),
    ("llama-factory/alpaca_en_demo.json", "alpaca_en_demo_oracle.json"),
])  # fmt: skip
def test_oracle_rows_are_all_found(name: str, oracle: str, capsys: pytest.CaptureFixture[str]) -> None:
    truth = json.loads((REAL / "_truth" / oracle).read_text())
    made = document(capsys, REAL / name)
    rows_of: dict[str, set[int]] = {}
    for finding in made["findings"]:
        rows_of.setdefault(finding["code"], set()).add(finding["row"])
    for kind, codes in (("placeholder_input", ("QUA602",)), ("placeholder_output", ("QUA602",)),
                        ("merged_examples", ("QUA613",)), ("url_only_input", ("QUA614",)),
                        ("empty_output", ("MSG407", "QUA601", "QUA602"))):  # fmt: skip
        wanted = set(truth.get(kind, ()))
        found = set().union(*(rows_of.get(code, set()) for code in codes))
        assert wanted <= found, (kind, sorted(wanted - found))
