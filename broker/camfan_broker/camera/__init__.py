"""What the broker keeps of each camera: its newest frames, its history, what is wanted of it."""
