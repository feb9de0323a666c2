"""`camfan view`: a desktop window that never lets an old picture look live."""
