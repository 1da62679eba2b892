# The server alone, on a base without shell or package manager. It has no
# Postgres inside: set DATABASE_URL. compose.yaml shows how.
FROM golang:1.26-bookworm AS build
WORKDIR /src
ARG VERSION=dev
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.version=$VERSION" -o /out/openinsure ./cmd/openinsure \
 && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/openinsure /usr/local/bin/openinsure
# A volume mounted here takes over the owner, so that the user may write to it.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV DATA_DIR=/data PATH=/usr/local/bin
EXPOSE 8787
ENTRYPOINT ["openinsure"]
CMD ["serve"]
