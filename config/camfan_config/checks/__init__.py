"""Whether the parts of a site fit together."""
