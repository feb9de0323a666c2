"""`camfan demo`: the whole system on one machine, with one command and nothing to set up."""
