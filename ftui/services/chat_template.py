"""Chat templates: Jinja from a model's folder, run in a sandbox, exactly as transformers runs them.

Source of the environment's settings and globals: transformers/utils/chat_template_utils.py (5.x).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ftui.core.render_dialect import RenderError
from ftui.errors import FtuiError

_DICT_ATTRIBUTES = frozenset(dir(dict))
_MARKERS = re.compile(r"\{%-?\s*generation\s*-?%\}")


class ChatTemplate:
    """One compiled template. `render` and `render_spans` have the shapes that `ftui.core.render_dialect` asks for."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        """`special_tokens` are the variables bos_token, eos_token ... that templates read. FtuiError: not Jinja."""
        self.source = source
        self.has_markers = bool(_MARKERS.search(source))
        self._variables = dict(special_tokens)
        # No text from outside can hold these: they are drawn anew in every process.
        self._open, self._close = (f"\ue000{secrets.token_hex(8)}{end}\ue001" for end in "<>")
        self._marks = re.compile(f"{self._open}|{self._close}")
        self._plain, _ = _compiled(source, "", "")
        self._marked: Any = None
        self.marks_in_place = False
        """Whether nothing reads what a {% generation %} block writes: render_spans then gives the text of render."""
        if self.has_markers:
            self._marked, self.marks_in_place = _compiled(source, self._open, self._close)

    def render(
        self,
        messages: Sequence[Any],
        tools: Sequence[Any] | None = None,
        add_generation_prompt: bool = False,
        **kwargs: Any,
    ) -> str:
        return self._run(self._plain, messages, tools, add_generation_prompt, kwargs)

    def render_spans(
        self, messages: Sequence[Any], tools: Sequence[Any] | None = None, **kwargs: Any
    ) -> tuple[str, list[tuple[int, int]]]:
        marked = self._run(self._marked or self._plain, messages, tools, False, kwargs)
        spans, pieces, length, start, behind = [], [], 0, 0, 0
        for mark in self._marks.finditer(marked):
            pieces.append(marked[behind : mark.start()])
            length += mark.start() - behind
            behind = mark.end()
            if marked.startswith(self._open, mark.start()):
                start = length
            else:
                spans.append((start, length))
        return "".join(pieces) + marked[behind:], spans

    def _run(self, template: Any, messages: Any, tools: Any, prompt: bool, kwargs: Mapping[str, Any]) -> str:
        try:
            text: str = template.render(
                **{**self._variables, **kwargs},
                messages=list(messages),
                tools=list(tools) if tools else None,
                documents=None,
                add_generation_prompt=prompt,
            )
        except Exception as error:  # a template is a program from outside: it may raise anything at all
            raise RenderError(str(error) or type(error).__name__) from error
        return text


def _compiled(source: str, opening: str, closing: str) -> tuple[Any, bool]:
    """The template, and whether its generation blocks write straight to the output, not into a macro or a variable."""
    try:
        import jinja2
        import jinja2.ext
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as missing:
        raise FtuiError(
            "The chat template cannot be rendered", "jinja2 is not installed", "Run: pip install 'ftui-wizard[train]'"
        ) from missing

    class Generation(jinja2.ext.Extension):
        """{% generation %} ... {% endgeneration %}: what the assistant writes; the text is put between two marks."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_between"), [], [], body).set_lineno(line)

        def _between(self, caller: Any) -> str:
            return f"{opening}{caller()}{closing}"

    def raise_exception(message: str) -> None:
        raise jinja2.exceptions.TemplateError(message)

    def tojson(
        value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    class Environment(ImmutableSandboxedEnvironment):
        def getattr(self, obj: Any, attribute: str) -> Any:
            """`message.role`: what the sandbox would give, without its checks where a plain dict has that key."""
            if type(obj) is dict and attribute in obj and attribute not in _DICT_ATTRIBUTES:
                return obj[attribute]
            return super().getattr(obj, attribute)

    environment = Environment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda format: datetime.now().strftime(format)
    try:
        template = environment.from_string(source)
        template.globals = dict(template.globals)  # a ChainMap, which is copied slowly for every row
        return template, _in_place(environment.parse(source))
    except jinja2.exceptions.TemplateError as error:
        raise FtuiError(
            "The chat template is not valid Jinja",
            str(error),
            "Take the template from the model's original repository.",
        ) from error


def _in_place(node: Any) -> bool:
    """Whether every generation block below a Jinja node stands only within conditions and plain loops."""
    from jinja2 import nodes

    def is_generation(some: Any) -> bool:
        return isinstance(some, nodes.CallBlock) and isinstance(some.call.node, nodes.ExtensionAttribute)

    for child in node.iter_child_nodes():
        plain_loop = isinstance(child, nodes.For) and not child.recursive
        if plain_loop or isinstance(child, nodes.If) or is_generation(child):
            if not _in_place(child):
                return False
        elif any(is_generation(inner) for inner in child.find_all(nodes.CallBlock)):
            return False
    return True
