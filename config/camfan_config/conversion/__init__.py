"""The tree of a file as the types of a site, with each mistake on the way."""
