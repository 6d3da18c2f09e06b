"""What the benchmarks of moving rows share: a server, its data, runs and their cost."""
