"""Commands on what recorders wrote: list, show, export, verify, protect, rebuild, replay."""
