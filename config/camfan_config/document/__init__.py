"""YAML text as a tree in which each value knows its line."""
