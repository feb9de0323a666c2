"""`camfan keys`: making keys, letting new machines in, taking keys away."""
