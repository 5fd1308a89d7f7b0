# ruff: noqa: SIM905 - word lists read better as one string
"""Customer messages about the shop, the tickets that belong to them, and good and bad replies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from writing.shop import CATEGORIES, ISSUES, PRIORITIES, PRODUCTS, Issue

SYSTEM = (
    "Turn the customer's message into a support ticket. Answer with one JSON object and nothing else: "
    f"category ({', '.join(CATEGORIES)}), product ({', '.join(PRODUCTS)}), "
    f"priority ({', '.join(PRIORITIES)}), summary (a few words)."
)

NAMES = (
    "Anna Ben Carla David Elif Felix Grace Hugo Ines Jonas Kim Lara Marco Nina Oscar Petra Quinn Rosa Samir Tara Uma "
    "Victor Wanda Xenia Yusuf Zoe Amir Bella Chen Dora Emil Freya Goran Hanna Igor Julia"
).split()
MONTHS = "January February March April May June July August September October November December".split()
GREETINGS = (
    "Hello,",
    "Hi,",
    "Hi there,",
    "Good morning,",
    "Good evening,",
    "Dear team,",
    "Hello everybody,",
    "Good day,",
)

CLOSINGS = ("Kind regards", "Best wishes", "Regards")

OPENERS: dict[str, tuple[str, ...]] = {
    "polite": (
        "I hope you can help me.",
        "I have a short request.",
        "Thank you for your good work so far.",
        "I am sure that this is easy for you.",
        "Maybe you have seen this before.",
        "I need a little advice.",
        "Sorry to trouble you with this.",
        "I looked through your help pages first.",
    ),
    "annoyed": (
        "I am really disappointed.",
        "This is the third time that I write.",
        "I have had enough of this.",
        "Nobody answers the phone at your shop.",
        "I expected more for this price.",
        "What is wrong with your shop?",
        "I waited half an hour on the line for nothing.",
        "So far nobody has cared about my letters.",
    ),
    "chatty": (
        "My daughter told me to write to you, so here I am.",
        "I rarely write to a shop, but now I have to.",
        "A neighbour told me how quickly you answer.",
        "We have just moved in, boxes are everywhere.",
        "It has been a long week with three children at home.",
        "I was having my tea when I noticed it.",
        "My husband says that I should have written long ago.",
        "I know more about gardens than about devices.",
    ),
    "terse": ("",),
}

# What customers add; every list fits every issue of its category.
CONTEXT: dict[str, tuple[str, ...]] = {
    "account": (
        "I have had the account since {month}.",
        "I use the same name as in your app.",
        "I tried it on two computers.",
        "The page was slow as well.",
        "I have been your customer for {n} years.",
    ),
    "billing": (
        "The order number is {order}.",
        "I paid by card in {month}.",
        "The amount was {price} euros.",
        "I have looked at my bank three times.",
        "I have kept the receipt for order {order}.",
    ),
    "defect": (
        "I bought it in {month}.",
        "It is only {n} months old.",
        "It was fine for {n} weeks.",
        "I have read the manual twice.",
        "I already reset it, without success.",
        "My neighbour has the same one and his is fine.",
        "It stands in the kitchen, far from the sink.",
        "The order number is {order}.",
    ),
    "delivery": (
        "The order number is {order}.",
        "I ordered in {month}.",
        "I was at home all day.",
        "Your parcel page is no help.",
        "I paid extra for the fast service.",
        "It is order {order}, sent by the blue carrier.",
    ),
    "question": (
        "I did not find it in the manual.",
        "I have had mine for {n} months.",
        "My friends ask me the same thing.",
        "I am thinking of buying one for my mother.",
        "Your page does not say it.",
        "I use it {n} times a week.",
    ),
    "return": (
        "I have not used it.",
        "The box is still closed.",
        "The order number is {order}.",
        "It came in {month}.",
        "I still have all the papers.",
        "It has been standing here for {n} days.",
    ),
}
DEADLINES = (
    "I need this solved by Friday.",
    "My parents visit on Saturday and it must be settled by then.",
    "We leave on Thursday, so it has to be done before.",
    "It has to be settled before the weekend.",
    "There is a family party on Sunday, please sort it out by then.",
    "My exam is on Monday and I need it done before that.",
)
ASKS: dict[str, tuple[str, ...]] = {
    "polite": (
        "Could you please help me?",
        "I would be glad about an answer.",
        "Please tell me what to do.",
        "Thank you in advance.",
        "Could you look into it?",
        "Many thanks for your help.",
    ),
    "annoyed": (
        "I expect an answer soon.",
        "Do something about it.",
        "Otherwise I will shop elsewhere.",
        "This is not acceptable.",
        "I want this settled.",
        "Please do not send me another standard letter.",
    ),
    "chatty": (
        "What would you do in my place?",
        "Well, that is my story.",
        "Greetings from a rainy village.",
        "You would make my day.",
        "I am curious what you will say.",
        "Have a nice week, all of you.",
    ),
    "terse": ("Please advise.", "What now?", "Thanks.", "Please answer.", "Waiting for your reply.", ""),
}
_ASKING = set("how what where which when who is are does do can could will would".split())


@dataclass(frozen=True)
class Case:
    """A customer message with everything that is known about it."""

    issue: Issue
    product: str
    tone: str
    text: str
    priority: str
    core: str
    """The sentence of `text` that says what it is about."""

    def ticket(self) -> dict[str, str]:
        return {
            "category": self.issue.category,
            "product": self.product,
            "priority": self.priority,
            "summary": self.issue.summary,
        }


def write_case(random: Random, issue: Issue, *, held_out: bool) -> Case:
    """Write one message about `issue`; `held_out` uses the phrasing that nothing is ever trained on."""
    product = random.choice(issue.products)
    tone = random.choice(("polite", "polite", "annoyed", "chatty", "terse"))
    phrasing = issue.phrasings[-1] if held_out else random.choice(issue.phrasings[:-1])
    hurried = issue.category != "question" and random.random() < 0.2
    said = sentence(with_article(phrasing.format(p=random.choice(PRODUCTS[product]))))
    context = [fill(random, line) for line in random.sample(CONTEXT[issue.category], 2)]
    parts = [random.choice(OPENERS[tone])]
    if random.random() < 0.5:
        parts += [context[0], said]
    else:
        parts += [said, context[0]]
    if random.random() < 0.4:
        parts.append(context[1])
    if hurried:
        parts.append(random.choice(DEADLINES))
    parts.append(random.choice(ASKS[tone]))
    text = " ".join(part for part in parts if part)
    if tone in ("polite", "chatty"):
        text = f"{random.choice(GREETINGS)}\n{text}"
        if random.random() < 0.6:
            text += f"\n{random.choice(CLOSINGS)}, {random.choice(NAMES)}"
    step = PRIORITIES.index(issue.priority) + hurried
    return Case(issue, product, tone, text, PRIORITIES[min(step, len(PRIORITIES) - 1)], said)


def fill(random: Random, line: str) -> str:
    return line.format(
        month=random.choice(MONTHS),
        n=random.choice(("two", "three", "four", "five", "six", "eight")),
        order=f"{random.choice('ABCDEFGH')}{random.randint(1000, 9999)}",
        price=random.randint(19, 199),
    )


def sentence(phrase: str) -> str:
    """Give `phrase` as a sentence: a capital, and a question mark where its first or last clause asks something."""
    clauses = (phrase.split()[0].lower(), phrase.rsplit(", ", 1)[-1].split()[0].lower())
    return phrase[0].upper() + phrase[1:] + ("?" if any(word in _ASKING for word in clauses) else ".")


def with_article(text: str) -> str:
    return re.sub(r"\ba (?=electric|Ember)", "an ", text)


THANKS = (
    "Thank you for writing to us about your {p}.",
    "Thank you for your patience with the {p}.",
    "We are glad that you told us about the {p}.",
    "That is not how your {p} should be, and we are sorry.",
    "We understand how tiresome this is with the {p}.",
    "Thanks for the clear description of your {p}.",
    "Good that you asked us about the {p}.",
)
OFFERS = (
    "Write to us any time if something is unclear.",
    "We stay in touch until it is settled.",
    "If you have a question, we are here all week.",
    "Tell us if that does not help, and we find another way.",
    "We wish you a pleasant day.",
    "Your case stays open until you are happy.",
    "",
)
CURT = (
    "Not our problem. Read the manual of the {p}.",
    "You must have done something wrong with the {p}.",
    "We hear this all day. Wait.",
    "That is how a {p} is. Live with it.",
    "Ask somebody else about the {p}. We are busy.",
    "Nothing we can do. Next time read the terms first.",
    "Then buy another {p}.",
)
RAMBLING = (
    "Our shop was founded many years ago by two brothers who loved devices.",
    "There are many kinds of devices in the world, and a {p} is one of them.",
    "The weather has been strange lately, which keeps all of us busy.",
    "A colleague of mine also has a {p}, and she tells long stories about it.",
    "It could be this, or it could be that, or something else altogether.",
    "One should always think about what one really wants from a {p}.",
    "By the way, our new catalogue has ninety pages and a lovely cover.",
    "Somebody from some team may or may not look at it at some time.",
)


def good_reply(random: Random, case: Case) -> str:
    """A polite reply that says what happens next, in two or three sentences."""
    parts = (random.choice(THANKS).format(p=case.product), case.issue.help + ".", random.choice(OFFERS))
    return " ".join(part for part in parts if part)


def bad_reply(random: Random, case: Case, kind: str) -> str:
    """A reply that nobody wants: `curt` is rude and short, `rambling` is long and helps nobody."""
    if kind == "curt":
        lines = random.sample(CURT, random.choice((2, 3)))
    else:
        lines = random.sample(RAMBLING, random.choice((3, 4)))
    return " ".join(lines).format(p=case.product)


def ticket_row(case: Case) -> dict[str, Any]:
    """The chat row of a ticket: system, customer, and the ticket as JSON."""
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": case.text},
            {"role": "assistant", "content": json.dumps(case.ticket())},
        ]
    }


def case_stream(random: Random, *, held_out: bool = False) -> Iterator[Case]:
    """Give cases without end, every issue once in each round."""
    while True:
        for issue in random.sample(ISSUES, len(ISSUES)):
            yield write_case(random, issue, held_out=held_out)
