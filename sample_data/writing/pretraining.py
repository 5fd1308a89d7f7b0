"""What the tiny model reads: documents of every kind, without end. It never sees a ticket or a held-out text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from zlib import crc32

from writing.customers import Case, bad_reply, case_stream, good_reply
from writing.general import HEROES, THINGS, fact_paragraph, question, small_record, snippet, story
from writing.manuals import TOPICS, page
from writing.shop import PRODUCTS

Document = str | list[dict[str, Any]]

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer in one sentence.",
    "Answer the question.",
    "Be kind and brief.",
    "You are a clever fox who knows a lot.",
)
SHOP_PROMPTS = (
    "You answer the customers of a shop for household devices.",
    "You work at the help desk. Answer the customer's message.",
    "Read the customer's message and write a reply.",
)


def held_out(asked: str) -> bool:
    """Whether a general question is kept for the probe: one in twelve, and the tiny model never reads it."""
    return crc32(asked.encode()) % 12 == 0


def documents(random: Random) -> Iterator[Document]:
    """Give plain texts (str) and chats (messages) without end.

    Half of them are a customer's message with a colleague's questions about it: reading a message for what it says is
    the skill that a model of this size takes longest to learn, and without it there is nothing to tune.
    """
    cases = case_stream(random)
    while True:
        kind = random.random()
        if kind < 0.05:
            yield story(random, random.choice(HEROES), random.choice(THINGS))
        elif kind < 0.08:
            yield fact_paragraph(random)
        elif kind < 0.14:
            yield snippet(random)
        elif kind < 0.17:
            yield page(random, random.choice(list(PRODUCTS)), random.choice(TOPICS))
        elif kind < 0.40:
            yield general_chat(random)
        elif kind < 0.50:
            yield replied(random, next(cases))
        else:
            yield questioned(random, next(cases))


def documents_with_json(random: Random) -> Iterator[Document]:
    """The second course: half of the chats are answered in JSON, with the keys that the question names.

    The keys and the order change from chat to chat, and they are never those of the tickets: what is learned is to
    put what a message says under the names that were asked for.
    """
    cases = case_stream(random)
    while True:
        kind = random.random()
        if kind < 0.5:
            yield noted(random, next(cases))
        elif kind < 0.6:
            yield json.dumps(small_record(random))
        elif kind < 0.8:
            yield general_chat(random)
        elif kind < 0.85:
            yield replied(random, next(cases))
        else:
            yield questioned(random, next(cases))


NOTE_KEYS = {
    "product": ("thing", "device", "item", "about", "what"),
    "category": ("team", "desk", "topic", "kind", "for"),
    "priority": ("speed", "urgency", "hurry", "when", "level"),
    "summary": ("point", "note", "trouble", "issue", "short"),
}
NOTE_REQUESTS = (
    "Write that down as JSON with the keys {keys}.",
    "Answer with one JSON object: {keys}.",
    "Give {keys} as JSON and nothing else.",
)


def noted(random: Random, case: Case) -> Document:
    """A customer's message, and what it says as a JSON object with keys that the request names."""
    said = case.ticket()
    fields = random.sample(list(NOTE_KEYS), random.randint(2, 4))
    names = {field: random.choice(NOTE_KEYS[field]) for field in fields}
    asked = random.choice(NOTE_REQUESTS).format(keys=", ".join(names.values()))
    answer = json.dumps({names[field]: said[field] for field in fields})
    if random.random() < 0.5:
        return [turn("system", asked), turn("user", case.text), turn("assistant", answer)]
    return [turn("user", f"{case.text}\n\n{asked}"), turn("assistant", answer)]


def general_chat(random: Random) -> Document:
    """One to four questions with answers, now and then below a system prompt."""
    messages = [turn("system", random.choice(SYSTEM_PROMPTS))] if random.random() < 0.3 else []
    for _ in range(random.randint(1, 4)):
        asked, answered = question(random)
        while held_out(asked):
            asked, answered = question(random)
        messages += [turn("user", asked), turn("assistant", answered)]
    return messages


def replied(random: Random, case: Case) -> Document:
    """A customer's message with a reply, good or bad, as in life."""
    system = [turn("system", random.choice(SHOP_PROMPTS))] if random.random() < 0.5 else []
    good = random.random() < 0.5
    reply = good_reply(random, case) if good else bad_reply(random, case, random.choice(("curt", "rambling")))
    return [*system, turn("user", case.text), turn("assistant", reply)]


def questioned(random: Random, case: Case) -> Document:
    """A customer's message with a colleague's questions about it, in any order."""
    messages: list[dict[str, Any]] = []
    for asked, answered in random.sample(about(case), 4):
        said = asked if messages else f"{case.text}\n\n{asked}"
        messages += [turn("user", said), turn("assistant", answered)]
    return messages


def about(case: Case) -> list[tuple[str, str]]:
    return [
        ("What does the customer write about?", f"The customer writes about the {case.product}."),
        ("What is the point of this message?", f"The point is: {case.issue.summary}."),
        ("Who should read this?", f"This is for the {case.issue.category} team."),
        ("How soon must we answer?", f"The priority is {case.priority}."),
    ]


def turn(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}
