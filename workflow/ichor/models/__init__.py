"""One model per file; the config's kind is the file's name."""
