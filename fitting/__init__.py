"""What makes the files of networks/fitted/."""
