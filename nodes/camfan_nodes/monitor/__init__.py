"""What is known about a running site: states, figures, and the words for them."""
