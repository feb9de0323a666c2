"""The recordings of a recorder over HTTP: its server, and the client of the web server."""
