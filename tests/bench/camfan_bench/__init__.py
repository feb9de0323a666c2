"""The benchmarks of camfan: see `tests/bench/README.md`."""
