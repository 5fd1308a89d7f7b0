"""What the tests of the decision stage share: the labelled scenarios, and any valid answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ftui.core.decide.answers import CHANGE_RATES, DEPLOYMENTS, FEEDBACK, NEEDS, QUALITIES, TRIED, Answers

SCENARIOS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "decide_scenarios.json").read_text(encoding="utf-8")
)

ANY_ANSWERS = st.builds(
    Answers,
    needs=st.sets(st.sampled_from(NEEDS), min_size=1).map(lambda found: tuple(n for n in NEEDS if n in found)),
    tried=st.none() | st.sets(st.sampled_from(TRIED)).map(lambda found: tuple(n for n in TRIED if n in found)),
    examples=st.none() | st.sampled_from([0, 1, 30, 49, 50, 51, 499, 500, 5000, 20000]),
    example_quality=st.none() | st.sampled_from(QUALITIES),
    preference_pairs=st.none() | st.sampled_from([0, 1, 49, 50, 3000]),
    feedback=st.none() | st.sampled_from(FEEDBACK),
    change_rate=st.none() | st.sampled_from(CHANGE_RATES),
    deployment=st.none() | st.sampled_from(DEPLOYMENTS),
    eval_set=st.none() | st.booleans(),
)
"""Every valid set of answers, with counts on both sides of each threshold."""
