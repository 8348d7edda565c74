#!/bin/sh
# BentoML's program in the environment that `make setup` makes. Unlike pip's, it still works when the folder is moved.
bin=$(cd "$(dirname "$0")" && pwd) || exit
# BentoML gives its commands --quiet twice, and click warns of it.
export PYTHONWARNINGS="${PYTHONWARNINGS:+$PYTHONWARNINGS,}ignore:The parameter --quiet:UserWarning"
if [ "$1" = containerize ]; then
    # BentoML copies a Dockerfile's template to the folder of temporary files, and reads it only from below its own.
    cd "${TMPDIR:-/tmp}" || exit
    export BUILDAH_FORMAT=docker # with podman and buildah: the other format has no health check
fi
exec "$bin/python" -m bentoml "$@"
