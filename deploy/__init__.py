"""Where the service runs: images, Compose, Kubernetes, a proxy, alerts."""
