"""How good and how fast the decision stage is: `python tests/benchmarks/decide.py [SCENARIOS.json ...]`.

Prints, per file of labelled scenarios, the share whose approach (and technique, where one is labelled and the verdict
trains) is among the accepted ones; then how many rows of the table they reach, the time of one verdict, and the CPU
time of `ftui decide --answers F --json` as a multiple of that of `python -c pass`, both minima over the same rounds.

A scenario has `answers` and the accepted approaches under `approach` or `accept` (a value or a list); `technique` and
`id` are optional. Those with `"set": "blind"` were labelled from the questions alone, before their author had seen the
table; where the first run disagreed, `first_verdict`, `first_label` and `who_was_wrong` keep what happened.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ftui.core.decide.answers import parse_answers
from ftui.core.decide.choose import choose
from ftui.core.decide.table import ROWS
from ftui.core.decide.verdict import decide

OURS = Path(__file__).parents[1] / "core" / "decide_scenarios.json"
ROUNDS = 30


def main(files: list[Path]) -> int:
    reached: set[str] = set()
    all_right = True
    for file in files:
        scenarios = json.loads(file.read_text(encoding="utf-8"))
        wrong = [line for scenario in scenarios if (line := mistake(scenario, reached))]
        share = 100 * (1 - len(wrong) / len(scenarios))
        print(f"{file.name}: {share:.1f} % of {len(scenarios)} scenarios right")
        print("".join(f"  {line}\n" for line in wrong), end="")
        print(blind_score(scenarios, reached), end="")
        all_right &= not wrong
    print(f"rows of the table reached: {len(reached)} of {len(ROWS)}")
    best, median = verdict_milliseconds(json.loads(OURS.read_text(encoding="utf-8")))
    print(f"one verdict: {best:.3f} ms at best, {median:.3f} ms median CPU (target < 1 ms)")
    ratio, command, interpreter = command_ratio()
    print(
        f"ftui decide --answers F --json: {command:.1f} ms CPU, {ratio:.2f} x python -c pass "
        f"({interpreter:.1f} ms; target <= 5 x)"
    )
    return 0 if all_right and best < 1 and ratio <= 5 else 1


def mistake(scenario: dict[str, Any], reached: set[str]) -> str:
    """What is wrong about the verdict on a scenario, or nothing."""
    choice = choose(parse_answers(scenario["answers"]))
    reached |= {part.row.id for part in choice.parts}
    accepted = as_list(scenario.get("approach") or scenario.get("accept") or scenario["accepted"])
    techniques = as_list(scenario.get("technique"))
    right = choice.approach in accepted and (
        not techniques or choice.technique is None or choice.technique in techniques
    )
    if right:
        return ""
    return f"{scenario.get('id', '?')}: {choice.approach}/{choice.technique}, accepted {accepted} {techniques}"


def blind_score(scenarios: list[dict[str, Any]], reached: set[str]) -> str:
    """How the blind set fared at its first try, and how it does today; nothing where there is none."""
    blind = [scenario for scenario in scenarios if scenario.get("set") == "blind"]
    if not blind:
        return ""
    missed = [scenario for scenario in blind if "first_verdict" in scenario]
    right_now = sum(not mistake(scenario, reached) for scenario in blind)
    only_one = sum(len(as_list(scenario["approach"])) == 1 for scenario in blind)
    disagreements = "".join(
        f"    {scenario['id']}: verdict {scenario['first_verdict']}, label {scenario['first_label']}. "
        f"Wrong was: {scenario['who_was_wrong']}\n"
        for scenario in missed
    )
    return (
        f"  of these the blind set ({len(blind)}, {only_one} with a single accepted approach): "
        f"{100 * (1 - len(missed) / len(blind)):.1f} % right at the first try, "
        f"{100 * right_now / len(blind):.1f} % now\n{disagreements}"
    )


def as_list(value: Any) -> list[str]:
    return [] if value is None else value if isinstance(value, list) else [value]


def verdict_milliseconds(scenarios: list[dict[str, Any]]) -> tuple[float, float]:
    """Best and median CPU milliseconds of a verdict, each scenario's best of five."""
    bests = []
    for scenario in scenarios:
        answers = parse_answers(scenario["answers"])
        times = []
        for _ in range(5):
            start = time.process_time()
            decide(answers)
            times.append(time.process_time() - start)
        bests.append(min(times) * 1000)
    return min(bests), sorted(bests)[len(bests) // 2]


def command_ratio() -> tuple[float, float, float]:
    """(ratio, milliseconds of the command, milliseconds of the bare interpreter)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "need.json"
        file.write_text(json.dumps(json.loads(OURS.read_text(encoding="utf-8"))[0]["answers"]), encoding="utf-8")
        ftui = [str(Path(sys.executable).with_name("ftui")), "decide", "--answers", str(file), "--json"]
        pairs = [(cpu_seconds([sys.executable, "-c", "pass"]), cpu_seconds(ftui)) for _ in range(ROUNDS)]
    interpreter, command = (min(times) * 1000 for times in zip(*pairs, strict=True))
    return command / interpreter, command, interpreter


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main([OURS, *map(Path, sys.argv[1:])]))
