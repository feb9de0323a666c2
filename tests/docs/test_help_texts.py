"""The `--help` of each command explains each argument, in plain English."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from camfan_broker.cli import parser as broker_parser
from camfan_nodes.cli import parser_of
from plain_text import ODD


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser, and those of all its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


PARSERS = {each.prog: each for top in (parser_of([]), broker_parser()) for each in parsers(top)}


def test_all_commands_are_looked_at() -> None:
    assert {"broker", "camfan", "camfan camera", "camfan init", "camfan keys revoke"} <= set(
        PARSERS
    )


@pytest.mark.parametrize("program", sorted(PARSERS))
def test_help_is_plain_english(program: str) -> None:
    text = PARSERS[program].format_help()

    assert PARSERS[program].description
    assert ODD.findall(text) == []


@pytest.mark.parametrize("program", sorted(PARSERS))
def test_each_argument_is_explained(program: str) -> None:
    unexplained = [
        action.metavar or action.dest
        for action in PARSERS[program]._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert unexplained == []


WITHOUT_SITE = {"broker", "camfan cameras", "camfan demo", "camfan password", "camfan schema"}
READS_FILES = {"camfan check", "camfan show", "camfan graph", "camfan diff", "camfan init"}
READS_FILES |= {"camfan keys list", "camfan keys show", "camfan keys join"}
READS_FILES |= {name for name in PARSERS if name.startswith("camfan recordings")}
READS_FILES.remove("camfan recordings replay")  # to a broker


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


def is_group(parser: argparse.ArgumentParser) -> bool:
    return any(isinstance(action, argparse._SubParsersAction) for action in parser._actions)


@pytest.mark.parametrize(
    "program", sorted(name for name, parser in PARSERS.items() if not is_group(parser))
)
def test_the_same_options_everywhere(program: str) -> None:
    """The log, the site file and the key are given in the same way to each command."""
    given = options(PARSERS[program])

    assert "--verbose" in given
    assert "--config" in given or program in WITHOUT_SITE
    assert ("--key" in given) == (program not in (WITHOUT_SITE - {"broker"}) | READS_FILES)


@pytest.mark.parametrize("program", ["check", "show", "graph", "diff", "up"])
def test_a_site_file_can_be_named_without_its_option(program: str) -> None:
    arguments = {"diff": ["old.yaml"]}.get(program, [])
    parser = parser_of([program])

    one = parser.parse_args([program, *arguments, "site.yaml"])
    other = parser.parse_args([program, *arguments, "--config", "site.yaml"])

    assert one == other
