"""Write every sample dataset again, byte for byte: `python sample_data/make_datasets.py [--out FOLDER]`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from writing import broken
from writing.customers import (
    CATEGORIES,
    PRIORITIES,
    PRODUCTS,
    Case,
    bad_reply,
    case_stream,
    good_reply,
    ticket_row,
)
from writing.general import question
from writing.manuals import TOPICS, page
from writing.pretraining import held_out

Row = dict[str, Any]

TICKET_SCHEMA: Row = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Support ticket",
    "type": "object",
    "properties": {
        "category": {"enum": list(CATEGORIES)},
        "product": {"enum": list(PRODUCTS)},
        "priority": {"enum": list(PRIORITIES)},
        "summary": {"type": "string", "minLength": 3, "maxLength": 60},
    },
    "required": ["category", "product", "priority", "summary"],
    "additionalProperties": False,
}

# What somebody with the ticket data would tell `ftui decide`: the format matters, prompts alone did not give it.
DECIDE_ANSWERS: Row = {
    "needs": ["output_format"],
    "tried": ["prompting", "few_shot", "structured_output"],
    "examples": 420,
    "example_quality": "reviewed",
    "preference_pairs": 0,
    "change_rate": "never",
    "deployment": "local",
    "eval_set": True,
}


class Distinct:
    """Lets a text pass only if it shares less than half of its word triples with each text that passed before."""

    def __init__(self) -> None:
        self._seen: list[set[tuple[str, ...]]] = []

    def take(self, text: str) -> bool:
        words = text.lower().split()
        triples = set(zip(words, words[1:], words[2:], strict=False))
        if any(2 * len(triples & other) >= len(triples | other) for other in self._seen):
            return False
        self._seen.append(triples)
        return True


def distinct_cases(
    cases: Iterator[Case], seen: Distinct, count: int, fits: Callable[[Case], bool] = lambda _: True
) -> list[Case]:
    kept: list[Case] = []
    while len(kept) < count:
        case = next(cases)
        if fits(case) and seen.take(case.text):
            kept.append(case)
    return kept


def user(text: str) -> Row:
    return {"role": "user", "content": text}


def assistant(text: str) -> Row:
    return {"role": "assistant", "content": text}


def preference_row(random: Random, case: Case) -> Row:
    kind = random.choice(("curt", "rambling"))
    return {
        "prompt": [user(case.text)],
        "chosen": [assistant(good_reply(random, case))],
        "rejected": [assistant(bad_reply(random, case, kind))],
    }


def kto_row(random: Random, case: Case, good: bool) -> Row:
    reply = good_reply(random, case) if good else bad_reply(random, case, random.choice(("curt", "rambling")))
    return {"prompt": [user(case.text)], "completion": [assistant(reply)], "label": good}


REPLY = (
    "Write a polite and helpful reply to this customer.",
    "Answer the customer in two or three friendly sentences.",
)
NOTE = ("Say in one sentence what the customer wants.", "Sum up the message for a colleague.")
TEAM = ("Which team should answer this message, and why?", "Decide which team has to take care of this message.")


def alpaca_row(random: Random, case: Case) -> Row:
    kind = random.randrange(3)
    about = f"{case.issue.summary} ({case.product})"
    if kind == 0:
        return {"instruction": random.choice(REPLY), "input": case.text, "output": good_reply(random, case)}
    if kind == 1:
        note = f"The message is about the {case.product}, and the point is: {case.issue.summary}."
        return {"instruction": random.choice(NOTE), "input": case.text, "output": note}
    team = f"The {case.issue.category} team should take it, because of this: {about}. The priority is {case.priority}."
    return {"instruction": random.choice(TEAM), "input": case.text, "output": team}


def as_answered(asked: str) -> str:
    """The question in words that its answer keeps to: the answers are sentences, also where one word was asked for."""
    start, end = "What is ", ", in one word?"
    if asked.startswith(start) and asked.endswith(end):
        return f"What kind of thing is {asked.removeprefix(start).removesuffix(end)}?"
    return asked


def general_rows(random: Random, count: int, *, probe: bool) -> list[Row]:
    """Distinct chat rows of general questions; the probe's are those that the tiny model never read."""
    rows: dict[str, Row] = {}
    while len(rows) < count:
        asked, answered = question(random)
        if held_out(asked) == probe:
            rows.setdefault(asked, {"messages": [user(as_answered(asked)), assistant(answered)]})
    return list(rows.values())


def datasets() -> dict[str, list[Row]]:
    """Path below sample_data -> rows. All rows come from seeded generators that depend on nothing else."""
    random = Random("ftui sample data")
    seen = Distinct()
    evaluated = distinct_cases(case_stream(random, held_out=True), seen, 80)
    trained = distinct_cases(case_stream(random), seen, 420)
    stream = case_stream(random)
    pairs = distinct_cases(stream, seen, 160)
    labelled = distinct_cases(stream, seen, 120)
    instructed = distinct_cases(stream, seen, 96)
    for cases in (evaluated, trained, pairs, labelled):
        random.shuffle(cases)
    alpaca = [alpaca_row(random, case) for case in instructed]
    alpaca += [
        {"instruction": row["messages"][0]["content"], "input": "", "output": row["messages"][1]["content"]}
        for row in general_rows(random, 24, probe=False)
    ]
    random.shuffle(alpaca)
    preferences = [preference_row(random, case) for case in pairs]
    pages = [{"text": page(random, product, topic)} for product in PRODUCTS for topic in TOPICS]
    random.shuffle(pages)
    return {
        "tickets/train.jsonl": [ticket_row(case) for case in trained],
        "tickets/eval.jsonl": [ticket_row(case) for case in evaluated],
        "preferences/train.jsonl": preferences[:128],
        "preferences/eval.jsonl": preferences[128:],
        "kto/train.jsonl": [kto_row(random, case, index % 2 == 0) for index, case in enumerate(labelled)],
        "alpaca/support.json": alpaca,
        "text/manuals.jsonl": pages,
        "general/probe.jsonl": general_rows(random, 40, probe=True),
        "general/replay.jsonl": general_rows(random, 120, probe=False),
    }


def write(out: Path) -> None:
    for name, rows in datasets().items():
        text = (
            json.dumps(rows, indent=1) + "\n"
            if name.endswith(".json")
            else "".join(json.dumps(row) + "\n" for row in rows)
        )
        save(out / name, text.encode())
    save(out / "tickets/schema.json", (json.dumps(TICKET_SCHEMA, indent=2) + "\n").encode())
    save(out / "answers.json", (json.dumps(DECIDE_ANSWERS, indent=2) + "\n").encode())
    for name, data in broken.files().items():
        save(out / "broken" / name, data)


def save(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    write(parser.parse_args().out)
