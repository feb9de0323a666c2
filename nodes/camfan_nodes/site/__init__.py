"""Commands about a whole site."""
