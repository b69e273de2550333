# `docker build .` makes the gateway alone: the supergraph and gateway.yaml are mounted into /etc/supergate, and it writes
# nothing to its disk: docker run --read-only -v ./deploy/etc:/etc/supergate:ro -p 4000:4000 supergate
# `docker build --target reference .` makes the subgraphs of the reference graph, for docker-compose.yml.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src

FROM build AS reference
COPY supergraph.yaml ./
COPY subgraphs subgraphs
USER node
ENTRYPOINT ["node", "--import", "tsx", "subgraphs/serve.ts"]

FROM build AS production
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000
WORKDIR /app
COPY --from=production /app/package.json ./
COPY --from=production /app/node_modules node_modules
COPY --from=production /app/dist dist
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Answers are garbage soon: docs/performance.md has what more room for that is worth.
ENTRYPOINT ["tini", "--", "node", "--max-semi-space-size=32", "dist/cli.js"]
CMD ["serve", "/etc/supergate/supergraph.yaml", "--config", "/etc/supergate/gateway.yaml"]
