"""Motion: says when and where something moved in the pictures of a camera."""
