"""Plain texts for continued pretraining: a long one becomes several rows, so that none of it is lost."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from ftui.core.render import Dialect, Options, Rendered, render_text
from ftui.core.render_prefixes import Span


def text_pieces(dialect: Dialect, text: str, options: Options) -> tuple[Rendered, ...]:
    """A text as one row, or as consecutive rows of like length where it does not fit into options.max_length tokens.

    Together they hold every token once: begin-of-text is the first one's, end-of-text the last one's. With the policy
    "drop" a text that is too long is one dropped row, as in render_text.
    """
    limit = options.max_length
    whole = render_text(dialect, text, replace(options, max_length=None))
    total = len(whole.ids)
    if limit is None or total <= limit:
        return (whole,)
    if options.policy == "drop":
        return (render_text(dialect, text, options),)
    count = math.ceil(total / limit)
    edges = [total * place // count for place in range(count + 1)]
    return tuple(_piece(whole, start, end) for start, end in pairwise(edges))


def _piece(whole: Rendered, start: int, end: int) -> Rendered:
    """Tokens `start` to `end` as a row of their own."""
    low = whole.offsets[start][0]
    high = max(stop for _, stop in whole.offsets[start:end])
    spans = [
        Span(max(span.start, low) - low, min(span.end, high) - low, span.message)
        for span in whole.spans
        if span.start < high and span.end > low
    ]
    return Rendered(
        whole.text[low:high],
        whole.ids[start:end],
        whole.labels_mask[start:end],
        tuple((max(a, low) - low, max(b, low) - low) for a, b in whole.offsets[start:end]),
        tuple(spans),
        whole.notes,
        end - start,
    )
