"""Markdown that was made here as HTML for a page: no HTML of its own passes, and no link that could run anything."""

from markdown_it import MarkdownIt
from markupsafe import Markup

_RENDERER = MarkdownIt("commonmark", {"html": False}).enable("table")


def rendered(text: str) -> Markup:
    """CommonMark with tables as HTML; tags in `text` are shown, and not taken for tags."""
    return Markup(_RENDERER.render(text))  # noqa: S704  # the renderer escapes HTML
