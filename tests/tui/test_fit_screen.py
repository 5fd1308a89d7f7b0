"""The fit screen: what it shows, what the arrow keys do to it, what it hands on."""

from __future__ import annotations

from typing import Any

import pytest
from screens_kit import settle, shown_text

from ftui.core.catalog.models import find_model
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape, shape_from_config
from ftui.services.fit_stack import TRAINER
from ftui.services.fit_target import Target, cpu_target, named_target
from ftui.tui.app import FtuiApp
from ftui.tui.fit_table import bar_rows, knobs, ways
from ftui.tui.glyphs import ASCII, UNICODE
from ftui.tui.screens.fit import FitScreen

GIB = 2**30
START = FitRequest(method="lora", loss="chunked", **TRAINER)


def shape_of(name: str) -> ModelShape:
    card = find_model(name)
    assert card is not None
    return shape_from_config(card.config)


def screen(name: str = "Qwen/Qwen2.5-7B", target: Target | None = None, request: FitRequest = START) -> FitScreen:
    return FitScreen(name, shape_of(name), target or named_target("RTX 4090", None), request)


def fit_app(made: FitScreen, **options: Any) -> FtuiApp:
    return FtuiApp(lambda: made, **options)


async def test_every_method_has_its_verdict_and_the_bar_ends_at_the_free_memory() -> None:
    app = fit_app(screen())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = shown_text(app)
        assert "Qwen/Qwen2.5-7B on NVIDIA GeForce RTX 4090, 23.7 GiB free" in text
        rows = [line for line in text.splitlines() if " GiB " in line and ("fits" in line or " no" in line)]
        assert len(rows) >= 4 and "✗ no" in rows[0] and "full" in rows[0]
        assert "▸ LoRA" in text and "✓ fits" in text
        assert "the model's weights" in text and "│" in text and "23.7 GiB free" in text
        assert "weights alone: 14.2 GiB in 16 bit" in text


async def test_arrow_keys_change_length_batch_and_rank_at_once() -> None:
    made = screen()
    async with fit_app(made).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        before = made._ways[made._chosen].answer
        await pilot.press("right")
        assert made.request.seq_len == 3072
        after = made._ways[made._chosen].answer
        assert before is not None and after is not None and after.memory.allocated_bytes > before.memory.allocated_bytes
        assert "‹3,072›" in shown_text(pilot.app)
        await pilot.press("left", "left", "tab", "right", "tab", "right")
        assert (made.request.seq_len, made.request.micro_batch, made.request.lora_rank) == (1536, 2, 32)
        await pilot.press("tab", "left")
        assert made.request.grad_checkpointing is False
        await pilot.press("shift+tab", "left")
        assert made.request.lora_rank == 16


async def test_settings_stop_at_the_end_of_their_scale() -> None:
    made = screen()
    async with fit_app(made).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press(*["left"] * 30)
        assert made.request.seq_len == 128
        await pilot.press(*["right"] * 40)
        assert made.request.seq_len == 131072


async def test_up_and_down_choose_the_method_and_enter_hands_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple[str, str]] = []

    def on_fit_screen_chosen(self: FtuiApp, event: FitScreen.Chosen) -> None:
        chosen.append((event.request.method, event.verdict))

    monkeypatch.setattr(FtuiApp, "on_fit_screen_chosen", on_fit_screen_chosen, raising=False)
    async with fit_app(screen()).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down", "down", "enter")
        await settle(pilot)
        await pilot.press("up", "up", "up", "up", "enter")
        await settle(pilot)
    assert chosen == [("qlora", "fits"), ("full", "no")]


async def test_it_is_a_dialog_too() -> None:
    results: list[FitRequest | None] = []
    app = fit_app(screen())
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await app.push_screen(screen(), results.append)
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        await app.push_screen(screen(), results.append)
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
    assert results[0] is None and results[1] is not None and results[1].method == "lora"


async def test_a_claim_of_the_web_is_answered_with_numbers() -> None:
    app = fit_app(screen("meta-llama/Llama-3.3-70B-Instruct"))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("down")
        text = shown_text(app)
        assert "✗ no" in text and "neither fits into 23.7 GiB" in text


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (200, 60)])
async def test_it_fits_every_terminal(size: tuple[int, int]) -> None:
    app = fit_app(screen())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = shown_text(app)
        assert "LoRA" in text and "fits" in text and "│" in text
        assert max(len(line) for line in text.splitlines()) <= size[0]


async def test_without_a_gpu_and_without_knowledge_of_one() -> None:
    for target in (cpu_target((64 * GIB, 60 * GIB)), named_target(None, 24.0)):
        app = fit_app(screen("Qwen/Qwen2.5-0.5B", target))
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(pilot)
            assert "fits" in shown_text(app)


async def test_a_hostile_title_shows_as_it_is() -> None:
    app = fit_app(FitScreen("[red]evil\x1b[2J[/]", shape_of("Qwen/Qwen2.5-0.5B"), named_target("L4", None), START))
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "[red]evil[/]" in shown_text(app)


def test_the_line_cuts_the_bar_where_the_free_memory_ends() -> None:
    shape = shape_of("meta-llama/Llama-3.1-8B")
    for glyphs in (UNICODE, ASCII):
        for name, inside in (("RTX 3060", False), ("A100-80GB", True)):
            target = named_target(name, None)
            lora = next(way for way in ways(shape, target, START) if way.name == "LoRA")
            assert lora.answer is not None
            bar = "".join(text for text, _ in bar_rows(lora.answer, 80, glyphs)[0])
            before, _, after = bar.partition(glyphs.bar)
            assert len(bar) <= 80 and bool(after.strip()) != inside
            assert len(before) > 10


def test_lengths_end_at_what_the_model_was_made_for() -> None:
    length = knobs(shape_of("mistralai/Mistral-7B-v0.1"))[0]
    assert length.values[-1] == 32768 and 65536 not in length.values
    odd = knobs(shape_of("Qwen/Qwen3-0.6B"))[0]
    assert odd.values[-1] == 40960


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_snapshot(snap_compare: Any, size: tuple[int, int]) -> None:
    fixed = Target(named_target("RTX 4090", None).gpu, 22 * GIB, "named")
    assert snap_compare(fit_app(screen(target=fixed)), terminal_size=size, press=["right"])
