"""What is probably wrong with a text that YAML cannot parse, and where.

The parser stops where it no longer understands the text, which is often lines behind the mistake.
Here the lines up to that place are searched for the mistakes that beginners make.
"""

from __future__ import annotations

import re

import yaml

_SPACES = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"  # all but those of YAML
_FOREIGN_SPACE = re.compile(
    rf"^[ ]*([{_SPACES}])|^[ ]*(?:- +)?[\w.-]+:[ ]*([{_SPACES}])"
    rf"|([{_SPACES}])[{_SPACES} ]*(?:#.*)?$"
)
_WIDE_COLON = re.compile(r"^[ ]*[\w.-]+(\uff1a)")  # as East Asian keyboards write it
_NO_BLANK = re.compile(r"^[ ]*(?:- +)?([A-Za-z_][\w-]*):(?!//)([^\s:/][^\s]*)")
_OPEN_QUOTE = re.compile(r"(?:^\s*|[:\[{,-] *)([\"'])")
_KEY = re.compile(r"^([ ]*)(?:- +)?[^\s#:'\"\[{][^:#]*:(?:\s+(\S.*))?$")
_BARE_WORD = re.compile(r"^[ ]*([A-Za-z_][\w-]*)\s*(?:#.*)?$")
_CONFLICT = re.compile(r"(<{7}|={7}|>{7})( |$)")
_SEPARATING_TAB = re.compile(r"(?<=[:,\[{-])\t[\t ]*|[\t ]*\t[\t ]*(?=#|$|[\]},])", re.MULTILINE)

TextPlace = tuple[int, int, int]  # line, column, length; counted from 0
_WORDS = (
    ("node content, but found '}'", "this } closes nothing; remove it"),
    ("node content, but found ']'", "this ] closes nothing; remove it"),
    ("a comment or a line break", "a text that begins with '>' or '|' must be in quotes"),
    ("chomping or indentation", "a text that begins with '>' or '|' must be in quotes"),
    ("'\\t'", "a tab cannot indent YAML; use spaces"),
    ("found unknown escape character", "a backslash has a meaning inside \"...\"; use '...'"),
    ("could not find expected ':'", "expected 'key: value'"),
    (
        "mapping values are not allowed",
        "unexpected ':'; put a text with ': ' in quotes, and each key on a line of its own",
    ),
    ("expected <block end>", "the indentation does not match the lines above"),
    (
        "sequence entries",
        "a text that begins with '- ' must be in quotes; a list begins below its key",
    ),
    (
        "expected '<document start>'",
        "the file was complete before this; a site is 'key: value' lines",
    ),
    ("found unexpected end of stream", "a quote is never closed"),
)


def with_tabs_replaced(text: str) -> str:
    """The text with a space for each tab that only separates, which YAML allows and PyYAML not."""
    lines = []
    for line in text.split("\n"):
        indented = len(line) - len(line.lstrip(" \t"))
        body = _SEPARATING_TAB.sub(lambda match: " " * len(match[0]), line[indented:])
        lines.append(line[:indented] + body if body.strip() else " " * len(line))
    return "\n".join(lines)


def foreign_character(lines: tuple[str, ...]) -> tuple[str, TextPlace] | None:
    """The first space or colon that looks like one of YAML and is another, or line of a merge."""
    for number, line in enumerate(lines):
        if _CONFLICT.match(line):
            return "a conflict marker of a merge; keep one side and remove it", (
                number, 0, len(line),
            )  # fmt: skip
        if line.isascii() or line.lstrip().startswith("#"):
            continue
        match = _FOREIGN_SPACE.search(line)
        if match:
            column = match.start(match.lastindex or 0)
            name = "a no-break space" if line[column] == "\u00a0" else "not an ordinary space"
            words = f"{name} (U+{ord(line[column]):04X}); replace it by an ordinary space"
            return words, (number, column, 1)
        match = _WIDE_COLON.search(line)
        if match:
            return "a full-width colon (U+FF1A); write ': '", (number, match.start(1), 1)
    return None


def explain(exc: yaml.MarkedYAMLError, lines: tuple[str, ...]) -> tuple[str, TextPlace | None]:
    """The mistake in words and its place."""
    mark = exc.problem_mark or exc.context_mark
    problem = exc.problem or exc.context or "cannot be read"
    if mark is None:
        return f"not YAML: {problem}", None
    here = (mark.line, mark.column, 1)
    words, place = _likely(problem, exc, lines, here)
    return f"not YAML: {words}", place


def _likely(
    problem: str, exc: yaml.MarkedYAMLError, lines: tuple[str, ...], here: TextPlace
) -> tuple[str, TextPlace]:
    number, column, _ = here
    line = lines[number] if number < len(lines) else ""
    if "\\t" in problem:
        return "a tab cannot indent YAML; use spaces", here
    if re.search(r"[\[{,].*?\$\{", line):
        return "put a text with '${...}' in quotes when it stands inside [ ] or { }", here
    if exc.context and "alias" in exc.context:
        return "a text that begins with '*' must be in quotes; all cameras are \"*\"", (
            number, max(0, column - 1), 1,
        )  # fmt: skip
    first = re.search(r"found character '(.)' that cannot start", problem)
    if first:
        return f"a text that begins with {first[1]!r} must be in quotes", here
    found = _unclosed_quote(lines, here, problem) or _unclosed_bracket(exc, lines, here)
    if found:
        return found
    found = _no_key(exc, lines)
    if found:
        return found
    for search in _SEARCHES:
        found = search(lines, here, problem)
        if found:
            return found
    return next((words for part, words in _WORDS if part in problem), problem), here


def _unclosed_quote(
    lines: tuple[str, ...], here: TextPlace, problem: str
) -> tuple[str, TextPlace] | None:
    """The first quote that its own line does not close."""
    if "escape" in problem:
        return None
    for number, line in enumerate(lines[: here[0] + 1]):
        column = _open_quote(line)
        if column is not None:
            return "a quote is never closed", (
                number, column, max(1, len(line.rstrip()) - column),
            )  # fmt: skip
    return None


def _open_quote(line: str) -> int | None:
    position = 0
    while match := _OPEN_QUOTE.search(line, position):
        quote, start = match[1], match.start(1)
        if " #" in line[position:start] or line.lstrip().startswith("#"):
            return None
        inside = r"(?:[^\"\\]|\\.)*\"" if quote == '"' else r"(?:[^']|'')*'(?!')"
        closed = re.compile(inside).match(line, start + 1)
        if closed is None:
            return start
        position = closed.end()
    return None


def _missing_blank(
    lines: tuple[str, ...], here: TextPlace, problem: str
) -> tuple[str, TextPlace] | None:
    """`site:home`, in the line of the error or one above it."""
    if "expected ':'" not in problem and "mapping values" not in problem:
        return None
    for number in range(min(here[0], len(lines) - 1), -1, -1):
        match = _NO_BLANK.match(lines[number])
        if match and not lines[number].lstrip().startswith("#"):
            words = f"a space is missing after '{match[1]}:'"  # the value can be a secret
            return words, (number, match.start(1), len(match[1]) + 1 + len(match[2]))
    return None


def _missing_colon(
    lines: tuple[str, ...], here: TextPlace, problem: str
) -> tuple[str, TextPlace] | None:
    """A word alone on its line, above the lines that belong to it."""
    if not any(part in problem for part in ("expected ':'", "mapping values", "<block end>")):
        return None
    above = [number for number in range(min(here[0], len(lines))) if _has_text(lines[number])]
    for number, below in zip(reversed(above), [here[0], *reversed(above)], strict=False):
        match = _BARE_WORD.match(lines[number])
        if (
            match
            and below < len(lines)
            and _indentation(lines[below]) > _indentation(lines[number])
        ):
            return f"a ':' is missing after {match[1]!r}", (number, match.start(1), len(match[1]))
        if ":" in lines[number]:
            return None
    return None


def _no_key(exc: yaml.MarkedYAMLError, lines: tuple[str, ...]) -> tuple[str, TextPlace] | None:
    """A line that says a key and has no ':' behind it, with nothing below that belongs to it."""
    mark = exc.context_mark
    if "expected ':'" not in (exc.problem or "") or mark is None or mark.line >= len(lines):
        return None
    text = lines[mark.line].split(" #")[0].strip()
    place = (mark.line, mark.column, max(1, len(text)))
    below = next((line for line in lines[mark.line + 1 :] if _has_text(line)), "")
    if _NO_BLANK.match(lines[mark.line]) or _indentation(below) > mark.column:
        return None  # said better elsewhere
    if re.fullmatch(r"[\w-]+", text):
        return f"a ':' is missing after {text!r}", place
    equals = "=" in text
    return "write 'key: value'" + (", not 'key = value'" if equals else ""), place


def _quote_inside(
    lines: tuple[str, ...], here: TextPlace, problem: str
) -> tuple[str, TextPlace] | None:
    """Text goes on directly behind the quote that ended it."""
    line = lines[here[0]] if here[0] < len(lines) else ""
    end = here[1] - 1
    if line[end : end + 1] == " " and line.count('"', here[1]) + line.count("'", here[1]) == 1:
        end = len(line[: here[1]].rstrip()) - 1
    quote = line[end : end + 1]
    if quote not in ("'", '"') or ", but " not in problem:
        return None
    double = "''" if quote == "'" else '\\"'
    words = f"the text ends at this {quote}; within {quote}...{quote} it is written {double}"
    return words, (here[0], end, 1)


def _first_is_indented(
    lines: tuple[str, ...], here: TextPlace, problem: str
) -> tuple[str, TextPlace] | None:
    if "expected '<document start>'" not in problem:
        return None
    first = next(number for number, line in enumerate(lines) if _has_text(line))
    own = _indentation(lines[first])
    if own <= _indentation(lines[here[0]]):
        return None
    words = f"line {here[0] + 1} is not indented, so this may not be indented either"
    return words, (first, 0, own)


def _unclosed_bracket(
    exc: yaml.MarkedYAMLError, lines: tuple[str, ...], here: TextPlace
) -> tuple[str, TextPlace] | None:
    """Where it was opened, or what is missing before the text at which the parser gave up."""
    problem, opened = exc.problem or "", exc.context_mark
    ended = "content, but found '<stream end>'" in problem
    if "expected ',' or" not in problem and not ended:
        return None
    inside = _quote_inside(lines, here, problem)
    if inside:
        return inside
    place = _last_open(lines) if opened is None or ended else (opened.line, opened.column, 1)
    if place is None:
        return "a list or mapping opened with '[' or '{' is not closed", here
    bracket = lines[place[0]][place[1]]
    if "<stream end>" in problem:
        return f"this {bracket} is never closed", place
    where = f"the {bracket} of line {place[0] + 1} is not closed before this"
    if place[0] == here[0]:
        return f"a ',' is missing before this, or {where}", here
    return where, here


def _last_open(lines: tuple[str, ...]) -> TextPlace | None:
    found: list[TextPlace] = []
    for number, line in enumerate(lines):
        for column, char in enumerate(re.sub(r"(^|\s)#.*", "", line)):
            if char in "[{":
                found.append((number, column, 1))
            elif char in "]}" and found:
                found.pop()
    return found[-1] if found else None


def _has_text(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _wrong_indentation(
    lines: tuple[str, ...], here: TextPlace, problem: str
) -> tuple[str, TextPlace] | None:
    number = here[0]
    if number >= len(lines):
        return None
    line, own = lines[number], _indentation(lines[number])
    above = [n for n in range(number) if lines[n].strip() and not lines[n].lstrip().startswith("#")]
    if "mapping values" in problem and above:
        before, match = _indentation(lines[above[-1]]), _KEY.match(lines[above[-1]])
        first_colon = line.find(":") == here[1]
        if match and match[2] and own > before and first_colon:
            words = f"indented by {_spaces(own)}, but line {above[-1] + 1} has a value already"
            return f"{words}; indent it by {_spaces(before)} to stand beside that", (
                number, 0, max(1, own),
            )  # fmt: skip
        if match is None or first_colon:
            return None
    if "expected <block end>" in problem and line[here[1] : here[1] + 1] in ("]", "}"):
        return f"this {line[here[1]]} closes nothing; remove it", here
    if "expected <block end>" in problem and line.strip():
        known = sorted({_indentation(lines[n]) for n in above})
        words = "the indentation does not match the lines above"
        if line[: here[1]].strip(" -"):
            return "a value was complete before this; put all of it in quotes, or remove this", here
        if own not in known:
            these = ", ".join(str(each) for each in known)
            words += f": {_spaces(own)} instead of {these}"
        return words, here
    return None


_SEARCHES = (
    _missing_blank,
    _missing_colon,
    _quote_inside,
    _first_is_indented,
    _wrong_indentation,
)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _spaces(count: int) -> str:
    return "1 space" if count == 1 else f"{count} spaces"
