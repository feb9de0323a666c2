"""Faults on purpose: real processes killed, stopped and cut off, and proof that nothing is missing.

The suite runs each scenario for seconds; `make faults` runs them as long as you like.
"""
