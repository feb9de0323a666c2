"""`camfan up`: runs a host's share of the site, and starts again what dies."""
