# The worker as an image: one static program, no shell, no root.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t millrace .

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
# Modules first: they change less often than the code, so their layer is kept.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH make build VERSION="$VERSION"

# It holds certificates of authorities, for databases that are reached over TLS, and
# time zones; a scratch image holds neither.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /src/bin/millrace /usr/local/bin/millrace
USER 65532:65532
EXPOSE 6432
ENTRYPOINT ["/usr/local/bin/millrace"]
CMD ["--help"]
