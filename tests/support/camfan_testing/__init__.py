"""What several tests share: tiny pictures, free ports, real processes, the shared footage."""
