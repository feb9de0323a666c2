"""Exit codes of all commands that mean more than success or failure."""

EXIT_UNAVAILABLE = 69  # cannot start at this moment, such as a port that is taken
EXIT_CONFIG = 78  # the site file cannot be used; starting again would end in the same way
