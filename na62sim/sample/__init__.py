"""Tables of events and the files they are kept in: HDF5, content hash, shards joined."""
