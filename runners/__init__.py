"""One module for each kind of hardware that photos are read on."""
