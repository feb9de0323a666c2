"""Problems of a site file, and the values that messages and logs must not show."""
