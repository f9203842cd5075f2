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
COPY bin bin
COPY src src
COPY workflows workflows
COPY activities activities
COPY local/image local/image
RUN npm run build

# Only what lib/ does not have: the Temporal SDK, and of its native core only this platform's.
FROM base AS dependencies
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts \
 && cd node_modules/@temporalio/core-bridge \
 && find releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} + \
 && rm -rf src bridge-macros \
 && find sdk-core -mindepth 1 -maxdepth 1 ! -name LICENSE.txt -exec rm -r {} +
COPY local/image local/image
RUN node local/image/remove-bundled-packages.ts && node local/image/trim-sdk.ts

# The files of the image beside /app: Node.js, the libraries that it and the native core load, the roots, a user. No shell,
# no package manager, nothing else to run.
FROM dependencies AS system
RUN mkdir -p /system/etc/ssl/certs /system/usr/local/bin \
 && install --directory --mode=1777 /system/tmp \
 && cp /usr/local/bin/node /system/usr/local/bin/ \
 && ldd /usr/local/bin/node node_modules/@temporalio/core-bridge/releases/*/index.node \
    | grep --only-matching '/[^ :]*\.so[^ :]*' | sort --unique \
    | xargs cp --parents --dereference --target-directory=/system \
 && cp --dereference /etc/ssl/certs/ca-certificates.crt /system/etc/ssl/certs/ \
 && echo 'hosts: files dns' > /system/etc/nsswitch.conf \
 && echo 'certman:x:1000:1000::/app:/nonexistent' > /system/etc/passwd \
 && echo 'certman:x:1000:' > /system/etc/group

# The steps of docker-compose.yml: keys, the zone, the management cluster, the sample.
FROM build AS local
COPY deploy deploy
COPY local local
# A volume gets the owner of the folder that it is mounted on.
RUN install --directory --owner=1000 --group=1000 /local
USER 1000:1000
ENTRYPOINT ["node"]

FROM scratch AS worker
COPY --from=system /system /
# Two arenas of malloc for all threads of the native core, instead of eight for each core. Fixed thresholds: by default
# malloc raises them to what was once freed, and then keeps large buffers. What V8's compilers work in has pieces of
# 32 KiB, each with a mapping of its own, which goes back to the kernel (docs/decisions/worker-memory.md).
ENV NODE_ENV=production PATH=/usr/local/bin \
    MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /app
COPY package.json ./
COPY bin bin
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/lib lib
# By number, so that Kubernetes can verify that it is not root.
USER 1000:1000
EXPOSE 8080 8081 9464
# node is process 1: it receives SIGTERM, and exits after the running activities.
# How much garbage V8 keeps (docs/decisions/worker-memory.md), and at most three quarters of the container's memory for
# a thread's heap: the rest is the Temporal SDK's native core and buffers.
ENTRYPOINT ["node", "--heap-growing-percent=100", "--max-semi-space-size=8", \
            "--max-old-space-size-percentage=75", "bin/certman.js"]
CMD ["worker"]
