"""All that both sides must agree on: topics, frame headers, control messages, sockets, clocks.

`docs/reference/protocol.md` says the same in prose, for clients in other languages.
"""
