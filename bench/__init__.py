"""Measurements of packy, with nginx in the same run as the yardstick: `./run bench`; docs/performance.md explains."""
