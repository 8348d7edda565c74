#!/usr/bin/env bash
# For `make image-test` on a Debian machine with no Docker daemon and no registry, as root:
#     tests/image/without_docker.sh make image-test
# It installs podman and runc, makes a base image of Debian's own Python with debootstrap, and runs the command with
# settings for podman that need no kernel module: no network of its own, no overlay file system.
set -euo pipefail
folder=${TMPDIR:-/tmp}/mtphotos-ocr-images
base=localhost/python:slim
mkdir -p "$folder"

for tool in podman buildah runc debootstrap; do
    command -v "$tool" >/dev/null || {
        apt-get update -q
        apt-get install -yq --no-install-recommends podman buildah runc debootstrap netavark
    }
done
cat >"$folder/storage.conf" <<END
[storage]
driver = "vfs"
graphroot = "$folder/store"
runroot = "$folder/run"
END
cat >"$folder/containers.conf" <<'END'
[containers]
netns = "host"
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
END
export CONTAINERS_STORAGE_CONF=$folder/storage.conf CONTAINERS_CONF=$folder/containers.conf
export BUILDAH_ISOLATION=chroot BUILDAH_LAYERS=false CONTAINER=podman
export IMAGE_ARGS="--opt build-arg=BASE=$base"

podman image exists "$base" || {
    root=$folder/root
    rm -rf "$root"
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" \
        "$(awk '/^URIs:/{print $2; exit}' /etc/apt/sources.list.d/debian.sources)"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,info}/*
    rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED # else pip installs nothing
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # this machine's certificates
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$root/etc/pip.conf"
    tar -C "$root" -c . | podman import --change "ENV PATH=/usr/local/bin:/usr/bin:/bin" - "$base"
    rm -rf "$root"
}
exec "$@"
