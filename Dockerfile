# The image of the worker (last stage), and `local` for docker-compose.yml's own steps.
ARG NODE=node:24.21.0-slim

# The Temporal SDK's native core and all requests verify TLS with the system's roots, which the slim image lacks.
FROM ${NODE} AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app

FROM base AS build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY src src
COPY workflows workflows
COPY activities activities
RUN npm run build

# Production dependencies only, and of the native core only this platform's.
FROM base AS dependencies
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts \
 && cd node_modules/@temporalio/core-bridge \
 && find releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} + \
 && rm -rf sdk-core src bridge-macros

# The steps of docker-compose.yml: keys, the zone, the management cluster, the sample.
FROM build AS local
COPY deploy deploy
COPY local local
# A volume gets the owner of the folder that it is mounted on.
RUN install --directory --owner=1000 --group=1000 /local
USER 1000:1000
ENTRYPOINT ["node"]

FROM base AS worker
COPY package.json ./
COPY bin bin
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/lib lib
# By number, so that Kubernetes can verify that it is not root.
USER 1000:1000
EXPOSE 8080 8081 9464
# node is process 1: it receives SIGTERM, and exits after the running activities.
ENTRYPOINT ["node", "bin/certman.js"]
CMD ["worker"]
