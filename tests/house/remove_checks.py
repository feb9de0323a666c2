"""Remove each check of an incoming frame in turn, and show which live test fails without it.

    python tests/house/remove_checks.py [WORD ...]

It works in a copy of the repository. A check is an `if` that raises WireError, or a call that does;
WORDs choose some of them. Ends with 1 if a check can be removed without a failing test.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = "tests/broker/test_frame_checks.py"
PYTEST = (sys.executable, "-m", "pytest", "-x", "-v", "-n", "0", "-p", "no:cacheprovider")
TEST = r"^\S*?::(\S+)"  # as pytest names it
HANGS_S = 150.0  # without some checks the broker waits for ever
BROKER, WIRE = "broker/camfan_broker", "broker/camfan_wire"

# Where the checks are: file, functions.
PLACES: dict[str, tuple[str, ...]] = {
    f"{WIRE}/frame_check.py": ("FrameCheck.read",),
    f"{WIRE}/bounds.py": ("check_bounds",),
    f"{WIRE}/header.py": ("decode_header",),
    f"{WIRE}/jpeg.py": ("picture_size",),
    f"{WIRE}/scans.py": ("check_scans",),
    f"{WIRE}/upright.py": ("upright_size",),
    f"{BROKER}/access/access.py": ("AccessControl.check_publishes",),
    f"{BROKER}/camera/camera.py": ("TrackedCamera.check_order", "TrackedCamera.check_run"),
    f"{BROKER}/camera/late_frame.py": ("late_frame",),
    f"{BROKER}/camera/repair.py": (
        "CameraRepairs.frame",
        "CameraRepairs.repaired_to",
        "CameraRepairs._expect",
    ),
    f"{BROKER}/delivery/claims.py": ("PublisherClaims.check",),
    f"{BROKER}/delivery/late_frames.py": ("LateFrameHandler._published_by",),
    f"{BROKER}/ingest/ingest.py": ("Ingest._frame",),
    f"{BROKER}/upstream/upstream.py": ("Upstreams._take",),
}

# Checks that are not an `if` with a `raise`, or are made where a frame comes in: file, old, new.
EDITS: tuple[tuple[str, str, str], ...] = (
    (f"{WIRE}/upright.py", "and jpeg[-2:] == EOI", "and True"),
    (f"{WIRE}/jpeg.py", "jpeg[:2] != SOI or ", ""),
    (f"{WIRE}/jpeg.py", "jpeg[-2:] != EOI or ", ""),
    (f"{WIRE}/frame_check.py", "width != header.width or ", ""),
    (f"{WIRE}/frame_check.py", " or height != header.height", ""),
    (
        f"{BROKER}/ingest/ingest.py",
        "camera.frame_check.read(topic, text, jpeg.buffer, self._access.limits)",
        "decode_header(text)",
    ),
    (
        f"{BROKER}/camera/late_frame.py",
        "camera.frame_check.read(topic, text, jpeg.buffer, limits)",
        "decode_header(text)",
    ),
    (
        f"{BROKER}/upstream/latest.py",
        "self._checks[camera].read(topic, parts[1].bytes, parts[2].buffer, camera_map.limits)",
        "decode_header(parts[1].bytes)",
    ),
    (
        f"{BROKER}/upstream/repair.py",
        "self._check.read(parts[0].bytes, parts[1].bytes, parts[2].buffer, self._map.limits)",
        "decode_header(parts[1].bytes)",
    ),
    (f"{BROKER}/upstream/camera_map.py", "if header.sequence <= last:", "if False:"),
)

# Not to be held here, and why.
ELSEWHERE: tuple[tuple[str, str], ...] = (
    ("len(data) > MAX_HEADER_BYTES", "the site's own limit, which is no higher, comes first"),
    ("size > MAX_BYTES", "the site's own limit, which is no higher, comes first"),
    ("not sender.is_open", "only chooses the reason of a frame that is rejected either way"),
)


@dataclass(frozen=True)
class Check:
    """One check, and the file without it."""

    path: str
    line: int
    text: str
    without: str


def main(words: list[str]) -> int:
    checks = [c for c in find_checks() if all(word in f"{c.path} {c.text}" for word in words)]
    kept = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "camfan"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".fuzz", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for check in checks:
            elsewhere = next((why for text, why in ELSEWHERE if text in check.text), None)
            failed = f"not tried: {elsewhere}" if elsewhere else failing_test(copy, check)
            kept += failed == ""
            where = f"{check.path.removeprefix('broker/')}:{check.line}"
            print(f"{where}  {check.text}\n    {failed or 'NO TEST FAILS'}", flush=True)
    print(f"{len(checks)} checks, {kept} that no test holds")
    return 1 if kept else 0


def failing_test(copy: Path, check: Check) -> str:
    """The first test that fails without this check; empty if none does."""
    path = copy / check.path
    before = path.read_text("utf-8")
    path.write_text(check.without, "utf-8")
    packages = os.pathsep.join(str(copy / part) for part in ("broker", "config", "nodes"))
    try:
        done = subprocess.run(
            [*PYTEST, TESTS],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": packages},
            capture_output=True,
            text=True,
            check=False,
            timeout=HANGS_S,
        )
    except subprocess.TimeoutExpired as exc:
        said = exc.output.decode() if isinstance(exc.output, bytes) else str(exc.output)
        return f"{re.findall(TEST, said, re.MULTILINE)[-1]}, which hangs"
    finally:
        path.write_text(before, "utf-8")
    if not done.returncode:
        return ""
    found = re.search(rf"^(?:FAILED|ERROR) {TEST[1:]}", done.stdout, re.MULTILINE)
    if not found:
        said = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise RuntimeError(f"pytest ended with {done.returncode}, without a failed test:\n{said}")
    return found[1]


def find_checks() -> Iterator[Check]:
    for path, functions in PLACES.items():
        source = (ROOT / path).read_text("utf-8")
        for function in functions:
            yield from _checks_in(path, source, _function(ast.parse(source), function))
    for path, old, new in EDITS:
        source = (ROOT / path).read_text("utf-8")
        pattern = re.compile(r"\s*".join(map(re.escape, re.findall(r"\w+|\S", old))))
        if old.startswith((" ", "and ")) or old.endswith(" "):
            pattern = re.compile(re.escape(old))
        found = pattern.search(source)
        if found is None:
            raise LookupError(f"{path} has no {old!r}: keep EDITS up to date")
        without = source[: found.start()] + new + source[found.end() :]
        if "decode_header" in new and "import decode_header" not in source:
            without = without.replace(
                "\nimport ", "\nfrom camfan_wire.header import decode_header\nimport ", 1
            )
        line = source[: found.start()].count("\n") + 1
        yield Check(path, line, f"{old.strip()}  ->  {new or 'nothing'}", without)


def _function(module: ast.Module, name: str) -> ast.FunctionDef:
    body: list[ast.stmt] = module.body
    for part in name.split(".")[:-1]:
        body = next(n.body for n in body if isinstance(n, ast.ClassDef) and n.name == part)
    last = name.rpartition(".")[2]
    return next(n for n in body if isinstance(n, ast.FunctionDef) and n.name == last)


def _checks_in(path: str, source: str, function: ast.FunctionDef) -> Iterator[Check]:
    for node in ast.walk(function):
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            yield _without(path, source, node.test, "False")
        elif isinstance(node, ast.Expr) and _called(node.value).startswith("check"):
            yield _without(path, source, node, "pass")


def _called(node: ast.expr) -> str:
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


def _without(path: str, source: str, node: ast.expr | ast.Expr, new: str) -> Check:
    text = ast.get_source_segment(source, node)
    assert text is not None
    lines = source.splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    without = source[:start] + new + source[start + len(text) :]
    return Check(path, node.lineno, " ".join(text.split()), without)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
