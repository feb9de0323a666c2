"""`camfan up`: runs a host's share of the site, and restarts what fails."""
