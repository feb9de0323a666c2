"""Which file system a folder is on, as far as it matters: whether it is a network share."""

from __future__ import annotations

import re
from pathlib import Path

_NETWORK = re.compile(
    r"nfs4?|cifs|smb3?|smbfs|9p|ceph|glusterfs|afs|ncpfs|davfs"
    r"|fuse\.(sshfs|glusterfs|s3fs|rclone|davfs2?|smbnetfs|ceph|curlftpfs)"
)


def network_share(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """The kind of network file system that a folder is on, or will be; None for a local one."""
    kind = _file_system(folder, mounts)
    return kind if kind is not None and _NETWORK.fullmatch(kind) else None


def _file_system(folder: Path, mounts: Path) -> str | None:
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
        place = folder.resolve()
    except (OSError, RuntimeError):  # not Linux; a loop of links
        return None
    found: tuple[int, str] | None = None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1]))
        deeper = found is None or len(point.parts) >= found[0]  # the last one mounted is on top
        if deeper and place.is_relative_to(point):
            found = len(point.parts), fields[2]
    return None if found is None else found[1]
