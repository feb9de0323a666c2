"""A site in other forms: costs, differences, pictures, JSON Schema, text for a terminal."""
