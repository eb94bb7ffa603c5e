"""Benchmarks against references, interleaved in one run. Ratios hold on other machines too."""
