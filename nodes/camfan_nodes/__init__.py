"""Nodes of a site, one folder for each kind, and the command `camfan`."""
