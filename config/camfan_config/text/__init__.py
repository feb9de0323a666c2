"""Text forms of single values: units, URLs, hashes, globs, text that is safe to print."""
