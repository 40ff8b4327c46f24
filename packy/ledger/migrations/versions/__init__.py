"""One module for each version of the schema; its `revision` is a number of four digits."""
