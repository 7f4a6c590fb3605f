"""The filter line of the run list: `val/loss < 0.4 and optimizer = adamw and tag = sweep`, or just words.

Terms are joined by `and`. A term is `key op value`, where key is a field of the run, `tag`, or the name of a metric
(its last value, or min(..), max(..), last(..)), of a property or of a tag; a term without an operator is words that a
run's name or id contains. Names and values with blanks or signs in them stand in quotes.
"""

import datetime as dt
import re
from dataclasses import dataclass

from runstream_consumer.literal import literal
from runstream_schemas.errors import FilterError

# fmt: off
RUN_COLUMNS = (
    "run_id", "workspace", "experiment", "number", "display_name", "status", "created_at", "started_at", "ended_at",
    "duration_s", "user", "host", "pid", "description", "run_type", "parent_run_id", "error_type", "error_message",
    "error_traceback", "error_code", "n_points", "n_producers", "n_lost", "n_dead_letters", "last_seen_at", "archived",
)
# fmt: on
_SHORT = {
    "id": "run_id",
    "name": "display_name",
    "created": "created_at",
    "started": "started_at",
    "ended": "ended_at",
    "duration": "duration_s",
    "points": "n_points",
    "type": "run_type",
}
_NUMBERS = frozenset({"number", "pid", "n_points", "n_producers", "n_lost", "n_dead_letters", "duration_s"})
_TIMES = frozenset({"created_at", "started_at", "ended_at", "last_seen_at"})
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<op><=|>=|!=|==|!~|<|>|=|~)"""
    r"""|(?P<word>[^\s<>=!~"']+)|(?P<bad>.))"""
)
_FIGURE = re.compile(r"(min|max|last)\((.+)\)", re.DOTALL)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_FIGURES = {
    "last": "arg_max_null(last_value, (producer_id, last_index))",
    "min": "min(min_value)",
    "max": "max(max_value)",
}


@dataclass(frozen=True, slots=True)
class Term:
    """
    One term of a filter.

    Attributes:
        text: the term as typed, for messages.
        key: left of the operator; None for a word that a name or id contains.
        figure: last, min or max of a metric; None if not said.
        op: one of < <= > >= = != ~ !~ (contains, contains not).
        value: right of the operator, or the word.
    """

    text: str
    key: str | None
    figure: str | None
    op: str
    value: str

    @property
    def column(self) -> str | None:
        """The column of view `run` that the key names, if it does."""
        if self.key is None or self.figure is not None:
            return None
        short = _SHORT.get(self.key.lower(), self.key.lower())
        return short if short in RUN_COLUMNS else None

    @property
    def is_known(self) -> bool:
        """Whether the key means something without looking into the history."""
        return self.column is not None or (self.key == "tag" and self.figure is None)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def parse(text: str) -> list[Term]:
    """
    Return the terms of a filter; none for an empty one.

    Raises:
        FilterError: a term is not complete.
    """
    terms: list[Term] = []
    group: list[_Token] = []
    tokens = [*_tokens(text), _Token("word", "and")]
    for token in tokens:
        if token.kind == "word" and token.text.lower() == "and":
            terms += _terms(group, text)
            group = []
        else:
            group.append(token)
    return terms


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "bad"
        token = match[kind]
        if kind == "bad":
            if not token.strip():
                continue
            raise FilterError(text[match.start() :].strip(), "has a quote that never ends")
        found.append(_Token(kind, re.sub(r"\\(.)", r"\1", token[1:-1]) if kind == "quoted" else token))
    return found


def _terms(group: list[_Token], text: str) -> list[Term]:
    typed = " ".join(token.text for token in group)
    if not group:
        if text.strip():
            raise FilterError(text.strip(), "has an `and` with nothing beside it")
        return []
    operators = [place for place, token in enumerate(group) if token.kind == "op"]
    if not operators:
        if any(token.kind == "word" and token.text.lower() in ("or", "not") for token in group):
            raise FilterError(typed, "uses `or` or `not`; terms are joined by `and` only")
        return [Term(token.text, None, None, "~", token.text) for token in group]
    place = operators[0]
    if len(operators) > 1 or place == 0 or place == len(group) - 1:
        raise FilterError(typed, "is not of the form `name < value`")
    left, right = group[:place], group[place + 1 :]
    if len(left) > 1 or len(right) > 1:
        raise FilterError(typed, "has a name or value of several words; put it in quotes, or write `and` between terms")
    key, figure = left[0].text, None
    called = _FIGURE.fullmatch(key) if left[0].kind == "word" else None
    if called:
        figure, key = called[1], called[2]
    op = group[place].text
    return [Term(typed, key, figure, "=" if op == "==" else op, right[0].text)]


def condition(term: Term) -> str:
    """
    Return the SQL condition of a term over the alias `r` of view `run`.

    Raises:
        FilterError: the value does not fit the key.
    """
    if term.key is None:
        word = literal(term.value.lower())
        return f"(contains(lower(r.run_id), {word}) OR contains(lower(coalesce(r.display_name, '')), {word}))"
    column = term.column
    if column is not None:
        return _column_condition(term, column)
    if term.key == "tag" and term.figure is None:
        return _tag_condition(term)
    return _key_condition(term)


def sort_name(sort: str) -> str | None:
    """
    Return the metric or property that *sort* names; None for a column of view `run`.

    Raises:
        FilterError: nothing is named.
    """
    key = _sort_key(sort)
    if _SHORT.get(key, key) in RUN_COLUMNS:
        return None
    called = _FIGURE.fullmatch(key)
    return called[2] if called else key


def _sort_key(sort: str) -> str:
    key = sort.lstrip("-+").strip()
    if not key:
        raise FilterError(sort, "names nothing to sort by")
    return key


def sort_expression(sort: str) -> tuple[str, str]:
    """
    Return what to order runs by, and the join that brings it along.

    Args:
        sort: a column of view `run`, or a metric, property or figure such as min(val/loss); a minus before it = largest
            first. Runs without the value come last.

    Raises:
        FilterError: nothing is named.
    """
    direction = "DESC" if sort.startswith("-") else "ASC"
    key, name = _sort_key(sort), sort_name(sort)
    if name is None:
        return f'r."{_SHORT.get(key, key)}" {direction} NULLS LAST', ""
    called = _FIGURE.fullmatch(key)
    figure = called[1] if called else "last"
    join = f"""
    LEFT JOIN (SELECT run_id, {_FIGURES[figure]} AS figure FROM series
               WHERE name = {literal(name)} AND column_name IS NULL AND n > 0 GROUP BY run_id) AS f
           ON f.run_id = r.run_id
    LEFT JOIN (SELECT run_id, value FROM property WHERE key = {literal(name)}) AS p ON p.run_id = r.run_id"""
    by = f"coalesce(f.figure, try_cast(p.value AS DOUBLE)) {direction} NULLS LAST, p.value {direction} NULLS LAST"
    return by, join


def _column_condition(term: Term, column: str) -> str:
    left = f'r."{column}"'
    if column in _TIMES:
        return _compared(left, term, literal(_time(term)))
    if column == "archived":
        return f"r.archived = {literal(term.value.lower() in ('true', '1', 'yes'))}"
    if column in _NUMBERS:
        number = _span(term) if column == "duration_s" else _number(term.value)
        if number is None:
            raise FilterError(term.text, f"compares {term.key} with {term.value!r}, which is no number")
        return _compared(left, term, literal(number))
    return _text_condition(left, term)


def _text_condition(left: str, term: Term) -> str:
    if term.op in ("~", "!~"):
        found = f"contains(lower({left}), {literal(term.value.lower())})"
        return found if term.op == "~" else f"NOT coalesce({found}, false)"
    if term.op in ("=", "!="):
        return f"coalesce(lower({left}), '') {'=' if term.op == '=' else '<>'} {literal(term.value.lower())}"
    return _compared(left, term, literal(term.value))


def _compared(left: str, term: Term, right: str) -> str:
    if term.op in ("~", "!~"):
        raise FilterError(term.text, f"looks for text in {term.key}, which has none; compare with < = >")
    return f"{left} {'<>' if term.op == '!=' else term.op} {right}"


def _tag_condition(term: Term) -> str:
    if term.op not in ("=", "!=", "~", "!~"):
        raise FilterError(term.text, "compares tags by size; use `tag = name` or the tag's own name")
    value = literal(term.value.lower())
    if term.op in ("=", "!="):
        found = f"(lower(key) = {value} OR lower(value) = {value})"
    else:
        found = f"(contains(lower(key), {value}) OR contains(lower(coalesce(value, '')), {value}))"
    return f"r.run_id {'NOT ' if term.op.startswith('!') else ''}IN (SELECT run_id FROM tag WHERE {found})"


def _key_condition(term: Term) -> str:
    """A metric's figure, a property or a tag of that name; a run without any of them never matches."""
    name, number = literal(term.key), _number(term.value)
    figure = _FIGURES[term.figure or "last"]
    places = []
    if number is not None and term.op not in ("~", "!~"):
        own = f"name = {name} AND column_name IS NULL AND n > 0"
        compared = _compared(figure, term, literal(number))
        places.append(f"r.run_id IN (SELECT run_id FROM series WHERE {own} GROUP BY run_id HAVING {compared})")
    if term.figure is not None:
        if not places:
            raise FilterError(term.text, f"compares {term.figure}(..) with {term.value!r}, which is no number")
        return places[0]
    if number is not None and term.op not in ("~", "!~"):
        held = _compared("try_cast(value AS DOUBLE)", term, literal(number))
    else:
        held = _text_condition("value", term)
        last = "arg_max_null(last_text, (producer_id, last_index))"
        own = f"name = {name} AND column_name IS NULL AND n > 0"
        places.append(
            f"r.run_id IN (SELECT run_id FROM series WHERE {own} GROUP BY run_id "
            f"HAVING {last} IS NOT NULL AND {_text_condition(last, term)})"
        )
    places += [
        f"r.run_id IN (SELECT run_id FROM {table} WHERE key = {name} AND {held})" for table in ("property", "tag")
    ]
    return f"({' OR '.join(places)})"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _span(term: Term) -> float:
    """Seconds out of `90`, `90s`, `5m`, `2h`, `1d`."""
    match = _SPAN.fullmatch(term.value)
    if match is None:
        raise FilterError(term.text, f"has {term.value!r} where a time span belongs, such as 90s, 5m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def _time(term: Term) -> dt.datetime:
    """A moment out of `2026-11-24`, `2026-11-24T13:00` (local time) or `7d` (that long ago)."""
    span = _SPAN.fullmatch(term.value.removeprefix("-"))
    if span and span[2]:
        return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=float(span[1]) * _SECONDS[span[2]])
    try:
        return dt.datetime.fromisoformat(term.value).astimezone()
    except ValueError:
        raise FilterError(
            term.text, f"has {term.value!r} where a time belongs, such as 2026-11-24 or 7d (that long ago)"
        ) from None
