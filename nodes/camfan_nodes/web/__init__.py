"""`camfan web`: the cameras of a site in a browser, and over HTTP for other software."""
