"""One kind of generator per file; the config's kind is the file's name."""
