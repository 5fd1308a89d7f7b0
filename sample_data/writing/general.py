# ruff: noqa: SIM905 - word lists read better as one string
"""General English: small stories, facts, questions with answers, key-value text and JSON snippets."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from writing.customers import MONTHS, NAMES

CAPITALS = dict(
    pair.split(":")
    for pair in (
        "France:Paris,Germany:Berlin,Italy:Rome,Spain:Madrid,Portugal:Lisbon,Greece:Athens,Austria:Vienna,"
        "Hungary:Budapest,Poland:Warsaw,Norway:Oslo,Sweden:Stockholm,Finland:Helsinki,Denmark:Copenhagen,"
        "Ireland:Dublin,Iceland:Reykjavik,Belgium:Brussels,Turkey:Ankara,Egypt:Cairo,Kenya:Nairobi,Morocco:Rabat,"
        "Japan:Tokyo,China:Beijing,India:New Delhi,Thailand:Bangkok,Vietnam:Hanoi,Peru:Lima,Chile:Santiago,"
        "Cuba:Havana,Canada:Ottawa,Mexico:Mexico City,Brazil:Brasilia,Australia:Canberra,Russia:Moscow,"
        "Ukraine:Kyiv,Romania:Bucharest,Bulgaria:Sofia,Croatia:Zagreb,Serbia:Belgrade,Ghana:Accra,Senegal:Dakar"
    ).split(",")
)
OPPOSITES = dict(
    pair.split(":")
    for pair in (
        "hot:cold,big:small,high:low,fast:slow,old:new,long:short,light:dark,wet:dry,full:empty,hard:soft,rich:poor,"
        "open:closed,happy:sad,early:late,loud:quiet,strong:weak,clean:dirty,near:far,wide:narrow,deep:shallow,"
        "thick:thin,brave:afraid,sweet:bitter,young:old,first:last,inside:outside,above:below,left:right,day:night,"
        "summer:winter,always:never,begin:end,push:pull,buy:sell,find:lose,rise:fall,love:hate,win:lose"
    ).split(",")
)
YOUNG = dict(
    pair.split(":")
    for pair in (
        "dog:puppy,cat:kitten,cow:calf,horse:foal,sheep:lamb,goat:kid,hen:chick,duck:duckling,goose:gosling,"
        "swan:cygnet,pig:piglet,lion:cub,bear:cub,wolf:pup,deer:fawn,frog:tadpole,owl:owlet,kangaroo:joey"
    ).split(",")
)
SOUNDS = dict(
    pair.split(":")
    for pair in (
        "dog:barks,cat:meows,cow:moos,horse:neighs,sheep:bleats,duck:quacks,lion:roars,owl:hoots,bee:buzzes,"
        "wolf:howls,frog:croaks,mouse:squeaks,snake:hisses,pig:grunts,rooster:crows"
    ).split(",")
)
PAST = dict(
    pair.split(":")
    for pair in (
        "go:went,see:saw,take:took,give:gave,come:came,run:ran,eat:ate,drink:drank,sing:sang,write:wrote,read:read,"
        "find:found,make:made,build:built,buy:bought,bring:brought,think:thought,sleep:slept,keep:kept,leave:left,"
        "know:knew,grow:grew,fly:flew,speak:spoke,break:broke,ride:rode,swim:swam,tell:told,hear:heard,win:won"
    ).split(",")
)
PLURALS = dict(
    pair.split(":")
    for pair in (
        "child:children,mouse:mice,foot:feet,tooth:teeth,goose:geese,man:men,woman:women,leaf:leaves,knife:knives,"
        "wolf:wolves,box:boxes,city:cities,dog:dogs,house:houses,baby:babies,dish:dishes,fish:fish,sheep:sheep"
    ).split(",")
)
COLOURS = dict(
    pair.split(":")
    for pair in (
        "snow:white,coal:black,grass:green,a lemon:yellow,the sky:blue,blood:red,a carrot:orange,a plum:purple,"
        "milk:white,a banana:yellow,a frog:green,chocolate:brown,a flamingo:pink,a raven:black,an elephant:grey,"
        "a strawberry:red,the sun:yellow,a leaf:green,a swan:white,a mouse:grey"
    ).split(",")
)
USES = dict(
    pair.split(":")
    for pair in (
        "a knife:cut bread,a pen:write letters,a bed:sleep,a cup:drink tea,a broom:sweep the floor,a key:open a door,"
        "a clock:tell the time,a needle:sew cloth,a hammer:drive nails,a map:find the way,an umbrella:stay dry,"
        "a ladder:climb up high,a spade:dig a hole,soap:wash hands,a bell:call people,a basket:carry apples,"
        "a kettle:boil water,a lamp:light a room,a heater:warm a room,a camera:take pictures,a watch:read the time,"
        "a vacuum:clean the floor,a speaker:hear music,a router:reach the internet"
    ).split(",")
)
KINDS = {
    "fruit": "apple pear plum cherry banana lemon grape peach".split(),
    "animal": "fox hare owl bear deer horse goose otter".split(),
    "tool": "hammer saw spade axe needle ladder broom drill".split(),
    "colour": "red blue green yellow white black brown grey".split(),
    "vegetable": "carrot onion bean pea cabbage leek pumpkin beet".split(),
    "job": "baker teacher farmer doctor miller sailor tailor nurse".split(),
    "metal": "iron gold silver copper tin zinc lead nickel".split(),
}
SIZES = "ant mouse cat dog sheep horse elephant whale".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()


def article(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


# Each gives one question and its answer. Answers are whole sentences.
def ask_capital(r: Random) -> tuple[str, str]:
    country, city = r.choice(list(CAPITALS.items()))
    if r.random() < 0.3:
        question = r.choice((f"Which country has the capital {city}?", f"{city} is the capital of which country?"))
        return question, f"{city} is the capital of {country}."
    asked = r.choice(("What is the capital of {}?", "Which city is the capital of {}?", "Tell me the capital of {}."))
    return asked.format(country), f"The capital of {country} is {city}."


def ask_opposite(r: Random) -> tuple[str, str]:
    word, other = r.choice(list(OPPOSITES.items()))
    asked = r.choice(("What is the opposite of {}?", "Which word means the opposite of {}?", "Opposite of {}?"))
    return asked.format(word), f"The opposite of {word} is {other}."


def ask_young(r: Random) -> tuple[str, str]:
    animal, young = r.choice(list(YOUNG.items()))
    asked = r.choice(
        ("What do you call a young {}?", "What is a baby {} called?", "How is the young of the {} called?")
    )
    return asked.format(animal), f"A young {animal} is called {article(young)}."


def ask_sound(r: Random) -> tuple[str, str]:
    animal, sound = r.choice(list(SOUNDS.items()))
    asked = r.choice(("What sound does {} make?", "What does {} do when it is loud?", "How does {} sound?"))
    return asked.format(article(animal)), f"{article(animal).capitalize()} {sound}."


def ask_past(r: Random) -> tuple[str, str]:
    verb, past = r.choice(list(PAST.items()))
    asked = r.choice(("What is the past tense of {}?", "Put the verb {} into the past.", "Past tense of {}?"))
    return asked.format(verb), f"The past tense of {verb} is {past}."


def ask_plural(r: Random) -> tuple[str, str]:
    one, many = r.choice(list(PLURALS.items()))
    asked = r.choice(("What is the plural of {}?", "How do you say more than one {}?", "Plural of {}?"))
    return asked.format(one), f"The plural of {one} is {many}."


def ask_colour(r: Random) -> tuple[str, str]:
    thing, colour = r.choice(list(COLOURS.items()))
    asked = r.choice(("What colour is {}?", "Which colour does {} have?", "Tell me the colour of {}."))
    return asked.format(thing), f"{thing[0].upper()}{thing[1:]} is {colour}."


def ask_use(r: Random) -> tuple[str, str]:
    thing, use = r.choice(list(USES.items()))
    asked = r.choice(("What is {} for?", "What do people do with {}?", "Why would I need {}?"))
    return asked.format(thing), f"You use {thing} to {use}."


def ask_sum(r: Random) -> tuple[str, str]:
    a, b = r.randint(1, 10), r.randint(1, 10)
    if r.random() < 0.5:
        asked = r.choice(("What is {} plus {}?", "How much is {} + {}?", "Add {} and {}."))
        return asked.format(a, b), f"{a} plus {b} is {a + b}."
    a, b = max(a, b), min(a, b)
    return r.choice(("What is {} minus {}?", "How much is {} - {}?")).format(a, b), f"{a} minus {b} is {a - b}."


def ask_next(r: Random) -> tuple[str, str]:
    names = r.choice((DAYS, MONTHS))
    at = r.randrange(len(names))
    what = "day" if names is DAYS else "month"
    if r.random() < 0.5:
        return f"Which {what} comes after {names[at]}?", f"After {names[at]} comes {names[(at + 1) % len(names)]}."
    return f"Which {what} comes before {names[at]}?", f"Before {names[at]} comes {names[at - 1]}."


def ask_kind(r: Random) -> tuple[str, str]:
    kind = r.choice(list(KINDS))
    thing = r.choice(KINDS[kind])
    asked = r.choice(("What kind of thing is {}?", "What is {}, in one word?", "Is {} a tool, a food or what?"))
    return asked.format(
        thing if kind in ("metal", "colour") else article(thing)
    ), f"{thing.capitalize()} is {article(kind)}."


def ask_three(r: Random) -> tuple[str, str]:
    kind = r.choice(list(KINDS))
    three = r.sample(KINDS[kind], 3)
    asked = r.choice(("Name three {}s.", "Give me three {}s.", "List three {}s."))
    words = asked.format(kind)
    return words, f"Three {kind}s are {three[0]}, {three[1]} and {three[2]}."


def ask_bigger(r: Random) -> tuple[str, str]:
    small, big = sorted(r.sample(range(len(SIZES)), 2))
    pair = [SIZES[small], SIZES[big]]
    r.shuffle(pair)
    return (
        f"Which is bigger, {article(pair[0])} or {article(pair[1])}?",
        f"{article(SIZES[big]).capitalize()} is bigger than {article(SIZES[small])}.",
    )


def ask_number(r: Random) -> tuple[str, str]:
    n = r.randrange(len(NUMBERS))
    if r.random() < 0.5:
        return f"Write the number {n} as a word.", f"The number {n} is written {NUMBERS[n]}."
    return f"Which number is {NUMBERS[n]}?", f"The word {NUMBERS[n]} is the number {n}."


def ask_who(r: Random) -> tuple[str, str]:
    """Reading: the answer stands in the question."""
    a, b = r.sample(NAMES, 2)
    thing, other = r.sample(THINGS, 2)
    text = f"{a} has {article(thing)} and {b} has {article(other)}."
    if r.random() < 0.5:
        return f"{text} Who has the {thing}?", f"{a} has the {thing}."
    return f"{text} What does {b} have?", f"{b} has {article(other)}."


def ask_repeat(r: Random) -> tuple[str, str]:
    """Copying: the answer is a part of the question."""
    words = r.sample([*THINGS, *HEROES, *NAMES], r.randint(2, 4))
    said = ", ".join(words)
    asked = r.choice(("Repeat: {}", "Say this again: {}", "Copy these words: {}"))
    return asked.format(said), said


def ask_place(r: Random) -> tuple[str, str]:
    """Looking up one of several words by its position."""
    words = r.sample([*THINGS, *HEROES], 3)
    at = r.randrange(3)
    asked = f"Which word is the {('first', 'second', 'last')[at]} one: {', '.join(words)}?"
    return asked, f"The {('first', 'second', 'last')[at]} word is {words[at]}."


def ask_story(r: Random) -> tuple[str, str]:
    hero, thing = r.choice(HEROES), r.choice(THINGS)
    asked = r.choice(
        (
            "Tell me a short story about {} and {}.",
            "Write a little story with {} and {} in it.",
            "A story about {} and {}, please.",
        )
    )
    return asked.format(article(hero), article(thing)), story(r, hero, thing)


def ask_json(r: Random) -> tuple[str, str]:
    record = {key: value for key, value in small_record(r).items() if key != "open"}
    said = " and ".join(f"the {key} is {value}" for key, value in record.items())
    asked = r.choice(("Write this as JSON: {}.", "Make a JSON object: {}.", "As JSON please: {}."))
    return asked.format(said), json.dumps(record)


QUESTIONS: tuple[Callable[[Random], tuple[str, str]], ...] = (
    ask_capital, ask_opposite, ask_young, ask_sound, ask_past, ask_plural, ask_colour, ask_use, ask_sum, ask_next,
    ask_kind, ask_three, ask_bigger, ask_number, ask_who, ask_who, ask_repeat, ask_repeat, ask_place,
    ask_story, ask_json,
)  # fmt: skip

HEROES = "fox hare owl bear deer goose otter mouse miller baker sailor farmer tailor giant king queen".split()
THINGS = "bell lantern basket kite drum map boat hat coin ladder book key cup apple letter blanket".split()
PLACES = (
    "at the edge of a dark forest",
    "in a small town by the sea",
    "on a hill above the river",
    "in an old mill",
    "next to a quiet lake",
    "behind the market square",
    "in a village full of bakers",
    "near the harbour",
)
WEATHER = (
    "It was a cold morning and fog lay on the fields.",
    "The sun was warm and the wind was still.",
    "Rain had fallen all night.",
    "Snow covered every roof.",
    "A storm was coming from the west.",
    "It was the last evening of summer.",
)
WISHES = {
    "see the sea": ("walked along the river for three days", "stood on the beach and laughed"),
    "find a friend": ("knocked on every door in the street", "had two friends for tea on Sunday"),
    "learn to sing": ("practised each evening under the old oak", "sang so well that the birds fell silent"),
    "bake a cake": ("asked the neighbours for flour and eggs", "shared a warm cake with everybody"),
    "cross the mountain": ("packed bread and set out before dawn", "looked down on the valley from the top"),
    "build a bridge": ("gathered stones and wood for a month", "crossed the water with dry feet"),
    "grow a garden": ("dug the hard ground day after day", "picked the first red roses"),
    "win the race": ("ran around the lake every morning", "came in first by the length of a nose"),
}
TROUBLES = (
    "But the {t} fell into a deep well.",
    "But one night a thief took the {t}.",
    "But the {t} broke into two pieces.",
    "But nobody knew where the {t} was.",
    "But the {t} was far too heavy to carry.",
)
HELPERS = (
    "A kind {h} saw it and helped without a word.",
    'A {h} came by and said: "Do not cry, we will do it together."',
    'An old friend, the {h}, said: "I know what to do."',
    'The {h} from next door laughed and said: "That is easy."',
)
MORALS = (
    "Since then nobody there is afraid to ask for help.",
    "And whoever does not believe it may go and look.",
    "From that day on the two were never apart.",
    "It was a small thing, but it changed a lot.",
    "People still talk about it in winter.",
)


def story(r: Random, hero: str, thing: str) -> str:
    """A story of six or seven sentences in which the hero and the thing return."""
    name = r.choice(NAMES)
    wish, (effort, happy) = r.choice(list(WISHES.items()))
    helper = r.choice([other for other in HEROES if other != hero])
    trouble, help_, moral = r.choice(TROUBLES), r.choice(HELPERS), r.choice(MORALS)
    lines = [
        r.choice(("Once there was", "Long ago there lived")) + f" {article(hero)} named {name} {r.choice(PLACES)}.",
        r.choice(WEATHER),
        f"{name} had {article(thing)} and wanted to {wish}.",
        f"So the {hero} {effort}.",
        trouble.format(t=thing),
        help_.format(h=helper),
        f"In the end {name} {happy}.",
    ]
    if r.random() < 0.6:
        lines.append(moral)
    return " ".join(lines)


def small_record(r: Random) -> dict[str, object]:
    """A flat JSON object of two to four keys about everyday things."""
    pool: dict[str, object] = {
        "name": r.choice(NAMES),
        "age": r.randint(2, 90),
        "city": r.choice(list(CAPITALS.values())),
        "animal": r.choice(KINDS["animal"]),
        "colour": r.choice(KINDS["colour"]),
        "fruit": r.choice(KINDS["fruit"]),
        "job": r.choice(KINDS["job"]),
        "month": r.choice(MONTHS),
        "day": r.choice(DAYS),
        "count": r.randint(1, 40),
        "open": r.random() < 0.5,
        "size": r.choice(("small", "middle", "big")),
    }
    return {key: pool[key] for key in r.sample(sorted(pool), r.randint(2, 4))}


def snippet(r: Random) -> str:
    """JSON, key-value lines, or a list, as plain text."""
    kind = r.randrange(4)
    if kind == 0:
        return json.dumps(small_record(r))
    if kind == 1:
        return json.dumps([small_record(r) for _ in range(r.randint(2, 3))])
    if kind == 2:
        return "\n".join(f"{key}: {value}" for key, value in small_record(r).items())
    group = r.choice(list(KINDS))
    return f"{group}s:\n" + "\n".join(f"- {thing}" for thing in r.sample(KINDS[group], r.randint(3, 5)))


def fact_paragraph(r: Random) -> str:
    """Four to six statements, each the answer to some question."""
    makers = [maker for maker in QUESTIONS if maker not in (ask_who, ask_repeat, ask_place, ask_story, ask_json)]
    return " ".join(r.choice(makers)(r)[1] for _ in range(r.randint(4, 6)))


def question(r: Random) -> tuple[str, str]:
    return r.choice(QUESTIONS)(r)
