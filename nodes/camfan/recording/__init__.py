"""What a recorder wrote: files, their index, and how both are read."""
