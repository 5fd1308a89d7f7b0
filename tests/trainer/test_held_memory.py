"""On a CPU the dashboard shows what the training holds between steps beside what was predicted for just that."""

from pathlib import Path
from typing import Any

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Memory
from ftui.core.plan import from_mapping
from ftui.services.prediction import predict


@pytest.mark.parametrize("method", [{"technique": "lora", "lora_rank": 8}, {"technique": "full"}], ids=["lora", "full"])
def test_prediction_and_measurement_of_held_tensors(
    make_run: MakeRun, tiny_model: Path, method: dict[str, Any]
) -> None:
    rows = chat_rows(16, 1)
    run = make_run(rows, **{"train.max_steps": 2}, **{f"method.{name}": value for name, value in method.items()})
    train(run)
    held = [event.tensors_bytes for event in events_of(run, Memory) if event.tensors_bytes]
    plan = from_mapping({"method": method, "data": {"max_length_tokens": 64}, "train": {"micro_batch": 4}})
    predicted = predict(plan, tiny_model)
    assert predicted["device"] == "cpu"
    assert held[-1] == pytest.approx(predicted["predicted_resident_bytes"], rel=0.03)
    # And not with the peak, which counts activations too.
    assert predicted["predicted_allocated_bytes"] > 1.2 * held[-1]
