"""A run's outcome in four pages: the verdict, what changed row by row, what was forgotten, where everything lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ftui.core.rating import RatingSummary
from ftui.services.rating import summary
from ftui.services.runs import Run
from ftui.tui import result_rows, result_words
from ftui.tui.glyphs import Glyphs
from ftui.tui.run_feed import RunFeed
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.text_pane import TextPane, as_content

PAGES = ("Verdict", "Rows", "Forgetting", "Files")
VERDICT, ROWS, FORGETTING, FILES = range(1, 5)
REFRESH_SECONDS = 2.0
_MOST_SAMPLE_BYTES = 8 << 20


class ResultView(Container):
    """Reads the run's files; while the run goes on, it looks again."""

    def __init__(self, run: Run, glyphs: Glyphs) -> None:
        super().__init__()
        self.run, self.glyphs = run, glyphs
        self.page = VERDICT
        self.kind = 0
        """Which rows are listed: index of result_rows.KINDS."""
        self._samples: Sequence[Mapping[str, Any]] = ()
        self._listed: Sequence[Mapping[str, Any]] = ()
        self._sample_state: object = None
        self._people: RatingSummary | None = None

    def compose(self) -> ComposeResult:
        yield Lines(id="pages")
        yield TextPane(empty="Reading ...", id="page")
        with Container(id="rows"):
            yield OptionList(id="changes", markup=False, compact=True)
            yield TextPane(empty="", id="answers")

    def on_mount(self) -> None:
        self.feed = RunFeed(self.run)
        self.query_one("#rows").display = False
        self.call_after_refresh(self.look)
        self.set_interval(REFRESH_SECONDS, self._look_again)

    def _look_again(self) -> None:
        if self.feed.live or self._sample_state != self._sample_stamp():
            self.look()

    def look(self) -> None:
        """Read the files again and show what they say now."""
        self.feed.look(force=True)
        if (stamp := self._sample_stamp()) != self._sample_state:
            self._sample_state = stamp
            self._samples = read_samples(self.run.path)
            self._people = summary(self.run)
            self._list_rows()
        self.show()

    def _sample_stamp(self) -> object:
        stamps = []
        for name in ("samples.jsonl", "ratings.jsonl", "verdict.json"):
            try:
                stat = (self.run.path / "eval" / name).stat()
                stamps.append((stat.st_mtime_ns, stat.st_size))
            except OSError:
                stamps.append((0, 0))
        return stamps

    # -- showing

    def on_resize(self) -> None:
        self._list_rows()
        self.show()

    def turn_to(self, page: int) -> None:
        """Show a page, and give it the focus."""
        self.page = page
        self.query_one("#rows").display = page == ROWS
        self.query_one("#page").display = page != ROWS
        self.show()
        if page == ROWS:
            self.call_after_refresh(self._list_rows)  # its width is known only once it is laid out
        self.query_one("#changes" if page == ROWS else "#page").focus()
        self.query_one("#page", TextPane).scroll_home(animate=False)

    def show(self) -> None:
        """Paint the present page."""
        tabs: list[tuple[str, str]] = []
        for number, title in enumerate(PAGES, start=1):
            look = "accent" if number == self.page else "text"
            tabs += [(f"{number} {title}", look), ("  ", "text")]
        if self.page == ROWS:
            tabs.append((f" f: {result_rows.KINDS[self.kind]}", "dim"))
        self.query_one("#pages", Lines).set_rows([tuple(tabs)])
        self.query_one("#page", TextPane).show(self._page_rows())

    def _page_rows(self) -> list[Row]:
        verdict, state = self.feed.verdict, self.feed.state
        status = result_words.GONE if self.feed.gone else state.status
        if self.page == FORGETTING:
            return result_words.forgetting_rows(verdict, self.glyphs)
        if self.page == FILES:
            commands = result_words.next_rows(self.run.path, verdict, status)
            places = result_words.place_rows(self.run.path)
            return [*_titled("Where everything lies", places), *_titled("The same by commands", commands)]
        said = result_words.verdict_rows(verdict, status, state.reason, self.glyphs)
        metrics = result_words.metric_rows(verdict, max(40, self.size.width - 4))
        more = [*result_words.figure_rows(verdict), *result_words.wrong_rows(verdict)]
        counts = result_rows.counts_row(self._samples)
        return [
            *_titled("", said),
            *_titled("Base against tuned, on rows that were held out", [*metrics, *([counts] if counts else [])]),
            *_titled("What people said, blind", result_words.people_rows(self._people)),
            *_titled("More figures", more),
            *_titled("Worth a look", result_words.hint_rows(verdict, status, bool(self._samples))),
        ]

    # -- what changed row by row

    def _list_rows(self) -> None:
        choices = self.query_one("#changes", OptionList)
        here, width = choices.highlighted, max(30, choices.size.width - 3)
        self._listed = result_rows.chosen(self._samples, result_rows.KINDS[self.kind])
        choices.clear_options()
        lines = (result_rows.change_row(sample, self.glyphs, width) for sample in self._listed)
        choices.add_options(Option(as_content([line])) for line in lines)
        choices.highlighted = min(here or 0, len(self._listed) - 1) if self._listed else None
        if not self._listed:
            self.query_one("#answers", TextPane).show(result_rows.nothing_rows(bool(self._samples)))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index < len(self._listed):
            answers = self.query_one("#answers", TextPane)
            answers.show(result_rows.answer_rows(self._listed[event.option_index]))
            answers.scroll_home(animate=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.query_one("#answers").focus()

    def next_kind(self) -> None:
        """List other rows: those that changed most, the better ones, the worse ones, all."""
        self.kind = (self.kind + 1) % len(result_rows.KINDS)
        self._list_rows()
        self.show()

    @property
    def plain(self) -> str:
        """The present page as text."""
        return self.query_one("#answers" if self.page == ROWS else "#page", TextPane).plain


def _titled(title: str, rows: Sequence[Row]) -> list[Row]:
    if not rows:
        return []
    head: list[Row] = [((title, "accent"),)] if title else []
    return [*head, *rows, (("", "text"),)]


def read_samples(run: Path) -> list[dict[str, object]]:
    """The held-out answers of a run, as far as they can be read."""
    from ftui.services.tail import LineTail
    from ftui.tui.run_records import json_records

    lines = LineTail(run / "eval" / "samples.jsonl").poll(_MOST_SAMPLE_BYTES)
    return [record for record in json_records(lines) if isinstance(record, dict)]
