# One static binary on an image with nothing else: no shell, no package manager, certificates and time zones only.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/bot ./cmd/bot \
  && mkdir /out/data

FROM gcr.io/distroless/static:nonroot
COPY --from=build /out/bot /bot
# The volume starts as a copy of this folder, so it belongs to the account that writes to it.
COPY --from=build --chown=65532:65532 /out/data /data
# Every verb finds the configuration, the health check and `explain` as much as `run`; a relative store.path, data/bot.db
# by default, is on the volume.
ENV BOT_CONFIG=/etc/apono/config.yaml
WORKDIR /
# The image's account nonroot, by number: Kubernetes cannot prove of a name that it is not root (runAsNonRoot).
USER 65532:65532
VOLUME /data
EXPOSE 8080
# It asks http.listen where the configuration sets one, else the control socket beside the database.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/bot", "health"]
ENTRYPOINT ["/bot"]
CMD ["run"]
