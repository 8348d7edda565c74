"""Reading text in photos: decoding, detection, recognition. Knows no HTTP, no BentoML and no engine."""
