# For users of Docker, podman or buildah: the same root tree that `make image` packs by itself. Run `make image` first.
FROM scratch
COPY build/image/root/ /
USER 65532:65532
ENV PATH=/usr/local/bin NODE_ENV=production MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072
ENTRYPOINT ["/usr/local/bin/node"]
