"""B11: notices rendered, as text and as HTML, of every kind and in every language, on one core; beside Jinja alone."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import cycle, islice
from typing import Any, get_args

from jinja2 import DictLoader, Environment, StrictUndefined, pass_context
from jinja2.runtime import Context

from bench.measuring import alternating, in_words, one_core, peak_memory
from bench.table import Row
from upheld.agreements.contacts import Language
from upheld.agreements.units import MINUTE
from upheld.notices import formats
from upheld.notices.examples import EXAMPLES, example
from upheld.notices.formats import one_line
from upheld.notices.templating import (
    AS_SHIPPED,
    Templates,
    close_gaps,
    paragraphs,
    put_in_use,
    shipped_names,
    squeeze,
    wrap,
)
from upheld.notices.texts import render, render_gathered

NOTICES = 10_000
ROUNDS = 3
SECONDS = 10
INSTANTS = ("violated_at", "at_risk_at", "answer_by", "next_update", "opened_at", "start", "recorded_at")
Values = Mapping[str, Any]


def run() -> list[Row]:
    """Two rows: the seconds of CPU, and the ratio to Jinja, which must come to the same texts."""
    with one_core():
        wanted = list(islice(_each_at_its_own_time(_examples()), NOTICES))
        bare = _Bare()
        for name, values in wanted:
            assert (_ours(name, values).text, _ours(name, values).html) == bare.render(name, values), name
        ours, peer = alternating(
            lambda: [_ours(name, values) for name, values in wanted],
            lambda: [bare.render(name, values) for name, values in wanted],
            ROUNDS,
        )
    told = f"{ours:.2f} s CPU; {in_words(peak_memory())} at most in memory"
    jinja = f"Jinja alone: {peer:.2f} s CPU"
    note = f"{len(EXAMPLES)} examples in {len(get_args(Language))} languages, each notice with instants of its own"
    claim = f"{NOTICES:,} notices as text and HTML, on one core"
    return [
        Row("B11", f"{claim}, in less than {SECONDS} s", told, jinja, ours, SECONDS, True, note),
        Row("B11", f"{claim}, beside Jinja alone", told, jinja, ours / peer, 2, True, "the same texts"),
    ]


class _Recording(Templates):
    """Keeps what each notice is rendered of."""

    def __init__(self) -> None:
        super().__init__(strict=True)
        self.seen: list[tuple[str, Values]] = []

    def block(self, name: str, block: str, provider: str | None, values: Values) -> str:
        if block == "subject":
            self.seen.append((name, values))
        return super().block(name, block, provider, values)


def _examples() -> list[tuple[str, Values]]:
    recording = _Recording()
    put_in_use(recording)
    for language in get_args(Language):
        for name in EXAMPLES:
            example(name, language)
    put_in_use(AS_SHIPPED)
    return recording.seen


def _each_at_its_own_time(found: list[tuple[str, Values]]) -> Iterator[tuple[str, Values]]:
    for number, (name, values) in enumerate(cycle(found)):
        moved = {key: values[key] + number * MINUTE for key in INSTANTS if isinstance(values.get(key), int)}
        yield name, {**values, **moved}


def _ours(name: str, values: Values) -> Any:
    make: Callable[..., Any] = render_gathered if name.endswith("/problem.jinja") else render
    return make(values["kind"], values)


class _Bare:
    """Jinja as it comes: the same templates without a sandbox, every figure written before, no subject apart."""

    def __init__(self) -> None:
        self._written: dict[Any, str] = {}
        sources = {name: AS_SHIPPED.source(name, None).text for name in shipped_names()}
        self._environments = [self._environment(DictLoader(sources), html) for html in (False, True)]

    def render(self, name: str, values: Values) -> tuple[str, str]:
        plain, rich = self._environments
        text = plain.get_template(name).render(values)
        html = rich.get_template(name).render(values, layout="layout.html", parts="parts.html")
        return close_gaps(text), close_gaps(html, 1)

    def _environment(self, loader: DictLoader, html: bool) -> Environment:
        environment = Environment(
            loader=loader,
            autoescape=html,  # noqa: S701  # plain text has nothing to escape
            undefined=StrictUndefined,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        own = {"squeeze": squeeze, "one_line": one_line, "paragraphs": paragraphs, "close_gaps": close_gaps}
        environment.filters.update(own, wordwrap=wrap)
        for name in ("moment", "span", "spans", "span_utc", "duration", "whole", "money"):
            environment.filters[name] = pass_context(partial(self._known, name))
        return environment

    def _known(self, name: str, context: Context, *values: Any) -> str:
        key = (name, str(values), context["reader"])
        if key not in self._written:
            self._written[key] = str(getattr(formats, name)(*values, context["reader"]))
        return self._written[key]
