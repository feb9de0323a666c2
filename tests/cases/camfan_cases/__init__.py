"""Judges for the situations in ../shared/cases: is what a script prints right?"""
