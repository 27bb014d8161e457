"""Plan to text: one module per kind of file. Sorted, byte-stable, with a final newline."""
