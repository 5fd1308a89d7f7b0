"""Pages of the shop's manuals: plain prose, for continued pretraining."""

from __future__ import annotations

from random import Random

from writing.shop import PRODUCTS

PLACE = {
    "camera": "above the door, out of the rain",
    "heater": "one metre away from curtains and beds",
    "kettle": "on a flat and dry table",
    "lamp": "where nobody can trip over the cable",
    "router": "in the middle of the flat, not in a cupboard",
    "speaker": "at the height of your ears",
    "vacuum": "with its back to the wall, near a socket",
    "watch": "on the arm you write less with",
}
CARE = {
    "camera": "wipe the glass with a soft cloth",
    "heater": "brush the dust out of the filter",
    "kettle": "boil water with a spoon of vinegar and rinse it twice",
    "lamp": "wait until the bulb is cold and dust the shade",
    "router": "blow the dust out of the slots",
    "speaker": "clean the cloth in front with a dry brush",
    "vacuum": "empty the box and cut hairs off the wheels",
    "watch": "rinse the strap under warm water",
}
SIGNS = {
    "camera": "A red light means that it is recording, a blue light that it is ready.",
    "heater": "A red light means that the filter is blocked, a green light that all is well.",
    "kettle": "The light goes out when the water boils.",
    "lamp": "Two short flashes tell you that the timer is on.",
    "router": "A steady green light means that the line is up.",
    "speaker": "A white ring means that it hears you, a red ring that it is mute.",
    "vacuum": "It beeps three times when it cannot find its charger.",
    "watch": "It shakes once for a message and twice for a call.",
}
NEVER = {
    "camera": "point it at your neighbour's window",
    "heater": "cover it with clothes",
    "kettle": "fill it above the upper mark",
    "lamp": "use a bulb that is stronger than the label says",
    "router": "put a glass of water on top of it",
    "speaker": "leave it outside over night",
    "vacuum": "let it drive over wet floor",
    "watch": "wear it in a sauna",
}
YEARLY = ("Once a year", "Every spring", "When the season ends", "Every few months", "From time to time")

TOPICS = (
    "setting up",
    "daily care",
    "what the light means",
    "safety",
    "storage",
    "the first week",
    "repair",
    "giving it away",
)


def page(random: Random, product: str, topic: str) -> str:
    """One manual page of four to six sentences about `topic`."""
    name = random.choice(PRODUCTS[product][:2])
    lines = {
        "setting up": (
            f"Take the {name} out of the box and remove all the paper.",
            f"Put it {PLACE[product]}.",
            "Plug in the cable, press the button, and wait until it has started.",
            SIGNS[product],
        ),
        "daily care": (
            f"The {name} needs little care.",
            f"{random.choice(YEARLY)} you should {CARE[product]}.",
            "Do not use soap, and never a hard sponge.",
            f"A clean {product} lasts longer and needs less power.",
        ),
        "what the light means": (
            f"The {name} tells you what it does.",
            SIGNS[product],
            "If there is no light at all, look at the cable first and at the socket next.",
            f"You can dim the light of the {product} in the settings.",
        ),
        "safety": (
            f"Please never {NEVER[product]}.",
            f"Keep the {name} {PLACE[product]}.",
            "Pull the plug before you clean it.",
            f"A {product} with a damaged cable must not be used any more.",
        ),
        "storage": (
            f"If you do not need the {name} for a while, {CARE[product]} before you put it away.",
            "Choose a dry place and keep the box that it came in.",
            f"When you take the {product} out again, let it stand in the room for an hour.",
        ),
        "the first week": (
            f"Give yourself a few days to get used to the {name}.",
            f"Try every button once, and remember: never {NEVER[product]}.",
            SIGNS[product],
            "Most people have found their favourite setting after a week.",
        ),
        "repair": (
            f"Many small faults of the {name} go away when you {CARE[product]}.",
            "If the fault comes back, write down when it happens.",
            f"Our workshop repairs every {product} for at least eight years.",
            "The parts are numbered, and the numbers are on the last page.",
        ),
        "giving it away": (
            f"Before you give the {name} to somebody else, reset it.",
            "Hold the button for ten seconds until it starts again.",
            f"Put this book in the box, and tell the new owner to keep it {PLACE[product]}.",
        ),
    }[topic]
    return f"The {product}, {topic}. " + " ".join(lines)
