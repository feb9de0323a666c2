"""Which connections are let in, what each key may do, and what it may cost."""
