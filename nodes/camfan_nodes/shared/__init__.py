"""How the process of a node starts, reads its site file, and talks to the terminal and systemd."""
