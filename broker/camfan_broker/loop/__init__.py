"""The parts of the broker's loop: the poll, the batching delay, and draining of messages."""
