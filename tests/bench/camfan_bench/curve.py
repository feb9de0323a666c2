"""What encryption costs: the fan-out to four subscribers with keys, and the same without.

The broker decrypts each frame once and encrypts it once for each subscriber; libzmq has no shared
ciphertext. That work is libsodium's, in libzmq's own thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from camfan_bench.fanout import RUNS, SECONDS, SIZES_KB, WINDOW, lossless
from camfan_bench.model import Benchmark, Measure, Run, alternating
from camfan_bench.rig import Middle, Sinks, broker, rig, temporary_folder
from camfan_testing.processes import running_broker
from camfan_testing.security import secure_site

SUBSCRIBERS = 4


def benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            measures=(
                Measure(f"curve/{kb}KB/{SUBSCRIBERS}", "frames/s", "without keys", better="higher"),
            ),
            open=partial(_duel, f"curve/{kb}KB/{SUBSCRIBERS}", kb * 1000),
            runs=RUNS,
        )
        for kb in SIZES_KB
    ]


@contextmanager
def _duel(name: str, size: int, length: float) -> Iterator[Run]:
    seconds = SECONDS * length
    with temporary_folder() as folder, ExitStack() as stack:
        clear = stack.enter_context(broker(folder))
        keyed = stack.enter_context(_encrypted(folder / "keyed"))
        rigs = []
        keys = str(folder / "keyed" / "keys")
        for middle, source, reader in ((keyed, "cam0", "anna"), (clear, "", "")):
            sinks = Sinks("fanout", SUBSCRIBERS, {"keys": keys, "name": reader})
            around = rig(folder, middle, sinks, size=size, window=WINDOW, keys=keys, name=source)
            rigs.append(stack.enter_context(around))
        ours, theirs = rigs
        for side in rigs:
            side.fill(size)
        yield alternating(
            partial(lossless, ours, name, seconds), partial(lossless, theirs, name, seconds)
        )


@contextmanager
def _encrypted(folder: Path) -> Iterator[Middle]:
    """The broker of a site with keys, every check on."""
    folder.mkdir()
    site = secure_site(folder, "cam0", access="\n  access: {anna: {view: '*'}}\n")
    with running_broker(site.path) as process:
        host = "tcp://127.0.0.1"
        yield Middle(process, f"{host}:{site.ingest}", f"{host}:{site.fanout}")
