"""What follows from a checked site: nodes, hosts, addresses, the pace of cameras."""
