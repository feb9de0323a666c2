"""`camfan password`: the hash of a password or a token, for the site file."""

from __future__ import annotations

import argparse
import getpass
import sys

from camfan_config import CamfanError
from camfan_nodes.shared.command import end_with_code
from camfan_nodes.web.passwords import hash_password, hash_token, new_token

SHORTEST = 8


class PasswordError(CamfanError):
    """The password is not acceptable."""


def add_password_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "password",
        help="the hash of a password or a token, for the site file",
        description="Ask for a password twice and print its hash (scrypt), for web.users in the "
        "site file. Read one line if the input is not a terminal.",
    )
    parser.add_argument(
        "--token",
        action="store_true",
        help="generate a token for other software instead; print it and its hash, for web.tokens",
    )
    parser.set_defaults(run=run_password)


def run_password(args: argparse.Namespace) -> int:
    return end_with_code("camfan password", _token if args.token else _password)


def _token() -> int:
    token = new_token()
    sys.stdout.write(f"for the program:   {token}\nfor the site file: {hash_token(token)}\n")
    return 0


def _password() -> int:
    password = _asked() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(password) < SHORTEST:
        raise PasswordError(f"a password has at least {SHORTEST} characters")
    sys.stdout.write(f"{hash_password(password)}\n")
    return 0


def _asked() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Repeat the password: ") != password:
        raise PasswordError("the passwords differ")
    return password
