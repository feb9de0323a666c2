"""Motion: detects when and where something moves in the frames of a camera."""
