"""What came out of the environment is not said, at run time either."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_config import diff_files, read_site

HEAD = "version: 1\nsite: home\n"


def _covered(folder: Path, cameras: str, said: str, **environment: str) -> str:
    path = folder / "site.yaml"
    path.write_text(f"{HEAD}{cameras}\n")
    return read_site(path, environment=environment).hidden.cover(said)


@pytest.mark.parametrize(
    ("value", "said", "shown"),
    [
        ("s3cret", "/v/s3cret.mp4: no file", "/v/${S}.mp4: no file"),
        ("/srv/s3cret/", "/srv/s3cret/a.mp4: no folder /srv/s3cret", "${S}/a.mp4: no folder ${S}"),
        ("/srv/s3cret/x", "no folder; it ends at /srv/s3cret", "no folder; it ends at ${S}"),
        ("/srv/s3cret/x", "into /srv/recordings", "into /srv/recordings"),
        ("s3cret/./y", "[Errno 2] '/v/s3cret/y'", "[Errno 2] '/v/${S}'"),
        ("s3 cret", "GET /s3%20cret", "GET /${S}"),
        ("s3'cret", 'No such file: "/v/s3\'cret"', 'No such file: "/v/${S}"'),
        ("mp4", "a.mp4 is not a video", "a.mp4 is not a video"),
    ],
)
def test_a_path_out_of_the_environment(tmp_path: Path, value: str, said: str, shown: str) -> None:
    cameras = "cameras: {a: {source: file, path: '${S}'}}"

    assert _covered(tmp_path, cameras, said, S=value) == shown


def test_only_texts_of_no_fixed_shape_are_hidden(tmp_path: Path) -> None:
    """Hosts, numbers and names are said, so that the log is of use."""
    cameras = "cameras: {a: {source: test, fps: 25, size: '${S}'}}\nbroker: {host: '${H}'}"
    said = "127.0.0.2 640x480"

    assert _covered(tmp_path, cameras, said, H="127.0.0.2", S="640x480") == said


def test_defaults_of_the_file_are_not_secret(tmp_path: Path) -> None:
    cameras = "cameras: {a: {source: file, path: '${S:-/srv/video}'}}"

    assert _covered(tmp_path, cameras, "/srv/video") == "/srv/video"


def test_many_values_are_covered(tmp_path: Path) -> None:
    cameras = "".join(f"\n  c{n}: {{source: file, path: '${{S{n}}}/a'}}" for n in range(500))
    values = {f"S{n}": f"/{n}" * 20 for n in range(500)}

    assert "${S499}" in _covered(tmp_path, f"cameras:{cameras}", f"{'/499' * 20}/a", **values)


def test_a_difference_is_shown_as_the_file_says_it(tmp_path: Path) -> None:
    """`camfan diff` shows no more than `camfan show`."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(f"{HEAD}cameras: {{a: {{source: file, path: '/v/${{S}}/a.mp4'}}}}\n")
    new.write_text(f"{HEAD}cameras: {{a: {{source: file, path: '/v/${{S}}/b.mp4'}}}}\n")
    files = (read_site(path, environment={"S": "s3cret"}) for path in (old, new))

    (change,) = diff_files(*files).changes

    assert (change.old, change.new) == ("/v/${S}/a.mp4", "/v/${S}/b.mp4")
