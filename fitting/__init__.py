"""Makes the files of networks/fitted/."""
