# For users of Docker, podman or buildah: the same root tree that `make image` packs by itself. Run `make image` first.
FROM scratch
COPY build/image/root/ /
USER 65532:65532
ENV PATH=/usr/local/bin NODE_ENV=production
ENTRYPOINT ["/usr/local/bin/node"]
