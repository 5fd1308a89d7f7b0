"""The result stage: is the tuned model better, what did it cost, where does everything lie, what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widget import Widget

from ftui.core.text import clip
from ftui.services.runs import Run
from ftui.tui import result_words
from ftui.tui.run_feed import RunFeed
from ftui.tui.screens.base import Plain
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.lines import Row
from ftui.tui.widgets.text_pane import as_content

REFRESH_SECONDS = 2.0
_MOST_SAMPLE_BYTES = 4 << 20


class ResultScreen(StageScreen):
    """Reads the run's files; while the run goes on, it looks again."""

    STAGE = "result"
    HELP_TITLE = "Result"
    BINDINGS = [
        Binding("w", "watch", "Curves", id="result.watch", tooltip="The dashboard of this run"),
        Binding("c", "copy", "Copy", id="result.copy", tooltip="All of this, as text"),
        Binding("q", "finish", "Leave", id="result.finish", tooltip="To the list of runs"),
    ]

    def compose_stage(self) -> Iterator[Widget]:
        with VerticalScroll(id="result"):
            for name in ("verdict", "metrics", "next", "places", "samples"):
                yield Plain("", id=name)

    def on_mount(self) -> None:
        super().on_mount()
        self.run = Run(Path(self.state.run_path))
        self.tell(f"What came of {clip(self.run.name, 60)}")
        self._plain: list[str] = []
        self.query_one("#result").focus()
        self._look()
        self.set_interval(REFRESH_SECONDS, self._look)

    def _look(self) -> None:
        feed = RunFeed(self.run)
        feed.look(force=True)
        glyphs, verdict = self.ftui.glyphs, feed.verdict
        parts: list[tuple[str, str, list[Row]]] = [
            ("verdict", "", result_words.verdict_rows(verdict, feed.state.status, feed.state.reason, glyphs)),
            (
                "metrics",
                "Base against tuned",
                [*result_words.metric_rows(verdict), *result_words.forgotten_rows(verdict)],
            ),
            ("next", "What to type next", result_words.next_rows(self.run.path, verdict, feed.state.status)),
            ("places", "Where everything lies", result_words.place_rows(self.run.path)),
            ("samples", "Answers to held-out prompts", result_words.sample_rows(read_samples(self.run.path), glyphs)),
        ]
        plain = []
        for name, title, rows in parts:
            widget = self.query_one(f"#{name}", Plain)
            widget.display = bool(rows)
            content = as_content([*([((title, "accent"),)] if title and rows else []), *rows])
            if content.plain != getattr(widget.content, "plain", None):
                widget.update(content)
            plain.append(content.plain)
        self._plain = plain

    def action_watch(self) -> None:
        self.ftui.open_run(self.run.path)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard("\n\n".join(part for part in self._plain if part))
        self.say("Copied, where your terminal allows it (OSC 52).")

    def action_finish(self) -> None:
        self.ftui.wizard.close()

    def action_next(self) -> None:
        self.action_finish()


def read_samples(run: Path) -> list[dict[str, object]]:
    """The held-out answers of a run, as far as they can be read."""
    from ftui.services.tail import LineTail
    from ftui.tui.run_view import json_records

    lines = LineTail(run / "eval" / "samples.jsonl").poll(_MOST_SAMPLE_BYTES)
    return [record for record in json_records(lines) if isinstance(record, dict)]
