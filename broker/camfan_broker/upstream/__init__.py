"""Cameras of other sites: their frames, with the run and sequence that they have there."""
