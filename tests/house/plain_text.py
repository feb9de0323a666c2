"""Print words that plain technical English does without, with their places.

    python tests/house/plain_text.py [FOLDER or FILE ...]

Looked at are comments, texts and names of functions of Python modules, and all of the other files.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUFFIXES = frozenset(
    {".py", ".js", ".mjs", ".md", ".html", ".css", ".sh", ".yaml", ".toml", ".service", ".conf"}
)
ODD = re.compile(
    r"\b(?:(?:nobody|somebody|who|whoever|whom|(?<!-)he|anew|mended|left\s+alone|told)\b"
    r"|so\s+(?:many|long)\b(?! (?:as|that)\b)"
    r"|(?<!there )(?:is|are|was|were)\s+"
    r"(?:no(?= [a-z])(?! (?:longer|older|newer|larger|higher|lower|more|less)\b)|(?-i:none)\b))",
    re.IGNORECASE,
)
_TEXTS = frozenset(
    # from Python 3.12 on an f-string is several tokens
    {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
)


@dataclass(frozen=True, slots=True)
class OddWord:
    """One place: `docs/guide/motion.md:31: nobody`."""

    file: str
    line: int
    word: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.word}"


def main(argv: list[str]) -> int:
    found = [word for file in files_of(argv) for word in odd_words(file)]
    sys.stdout.write("".join(f"{word}\n" for word in found))
    return 1 if found else 0


def files_of(paths: list[str]) -> list[str]:
    """Files of the repository with text of ours, below these paths or all of them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    own = {Path(__file__).resolve().relative_to(ROOT).as_posix()}
    return [
        name
        for name in listed
        if name not in own
        and (Path(name).suffix in SUFFIXES or name == "Makefile")
        and (ROOT / name).is_file()
    ]


def odd_words(file: str) -> Iterator[OddWord]:
    text = (ROOT / file).read_text("utf-8")
    for line, part in _python(text) if file.endswith(".py") else [(1, text)]:
        for match in ODD.finditer(part):
            number = line + part.count("\n", 0, match.start())
            yield OddWord(file, number, " ".join(match[0].split()))


def _python(text: str) -> Iterator[tuple[int, str]]:
    """Comments, texts and names of functions, with the line on which each begins."""
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _TEXTS:
            yield token.start[0], token.string
        elif token.type == tokenize.NAME:
            if before in ("def", "class"):
                yield token.start[0], token.string.replace("_", " ")
            before = token.string


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
