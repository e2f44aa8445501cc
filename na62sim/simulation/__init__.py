"""The chain in chunks: threads, processes, shards; simulate, reconstruct, select, acceptance."""
