"""Packing: several rows in one sequence, so that no padding is computed. Rows do not see each other."""

from __future__ import annotations

from typing import Any


def packed(rows: Any, length_tokens: int, seed: int) -> Any:
    """Best-fit-decreasing bins of at most `length_tokens`, by TRL. Each token carries the number of its row.

    Needs an attention kernel that reads sequence boundaries; others get a block-diagonal mask from position_ids.
    """
    from trl.data_utils import pack_dataset

    def spread(row: dict[str, Any]) -> dict[str, Any]:
        return {"row": [row["row"]] * len(row["input_ids"])}

    rows = rows.select_columns(["input_ids", "labels", "row"])
    marked = rows.map(spread, remove_columns=["row"]).shuffle(seed=seed)
    return pack_dataset(marked, length_tokens, "bfd")
