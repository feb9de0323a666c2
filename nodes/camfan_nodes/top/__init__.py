"""`camfan top`: the whole site as one table, trouble first."""
