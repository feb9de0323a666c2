"""Which connections are admitted, what each key may do, and what it may cost."""
