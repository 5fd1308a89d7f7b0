"""Near duplicates are found, and only those."""

from __future__ import annotations

import pickle
import random
from collections.abc import Container, Iterator

from ftui.services.near_duplicates import SIMILARITY, Sketches, confirmed, similarity

WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in "nrst"]


def text(source: random.Random, words: int) -> str:
    return " ".join(source.choice(WORDS) for _ in range(words))


def found(texts: list[str], **options: float) -> dict[int, tuple[int, float]]:
    sketches = Sketches()
    for one in texts:
        sketches.add(one)

    def again(wanted: Container[int]) -> Iterator[tuple[int, str]]:
        return ((number, one) for number, one in enumerate(texts) if number in wanted)

    return {late: (early, alike) for late, early, alike in confirmed(sketches.candidates(), again, **options)}


def test_edited_copies_are_found_and_their_similarity_is_exact() -> None:
    source = random.Random(3)
    texts = [text(source, 60) for _ in range(400)]
    truth = {}
    for original in range(300):
        words = texts[original].split()
        for _ in range(source.randint(1, 4)):
            words[source.randrange(len(words))] = "changed"
        copy = " ".join(words)
        if similarity(copy, texts[original]) >= SIMILARITY:
            truth[len(texts)] = original
        texts.append(copy)
    pairs = found(texts)
    hits = [late for late, original in truth.items() if pairs.get(late, (None,))[0] == original]
    assert len(hits) >= 0.98 * len(truth) > 100
    assert set(pairs) <= set(truth), "nothing that is below the threshold, nothing among the originals"
    for late, (early, alike) in pairs.items():
        assert alike == similarity(texts[late], texts[early])


def test_case_and_a_shift_do_not_hide_a_copy() -> None:
    original = text(random.Random(1), 50)
    assert found([original, "Oh: " + original.upper()])[1][0] == 0


def test_short_texts_take_no_part() -> None:
    assert found(["yes, it is", "yes, it is", "Yes, it is"]) == {}


def test_stretches_add_up_to_the_whole_and_skipped_rows_stay_out() -> None:
    source = random.Random(2)
    texts = [text(source, 40) for _ in range(600)]
    texts[500] = texts[10]
    whole, parts = Sketches(), Sketches()
    for one in texts:
        whole.add(one)
    for start in range(0, 600, 150):
        part = Sketches()
        for one in texts[start : start + 150]:
            part.add(one)
        part.flush()
        parts.extend(pickle.loads(pickle.dumps(part)))  # noqa: S301 - our own bytes
    assert [list(slot) for slot in whole.candidates()] == [list(slot) for slot in parts.candidates()]
    assert whole.candidates()[0][500] == 10
    assert all(place < 0 for place in whole.candidates(skip={500})[0])
