import { Gauge, type Registry } from 'prom-client';
import type { Logger } from '../observability/logging.ts';

const MIB = 1024 * 1024;
const INTERVAL_MS = 15_000;
const WARNED_ABOVE = 0.85;
/** Lower than the other, so that memory that goes up and down around one of them is not a warning each time. */
const FORGOTTEN_BELOW = 0.75;
/** What a worker takes before its first cluster (docs/performance.md, Memory). */
const WITHOUT_CLUSTERS_MIB = 190;

/** Options of {@link watchMemory}. */
export interface MemoryWatchOptions {
  /** Bytes, of the container. Undefined: nothing is watched. */
  readonly limit: number | undefined;
  readonly registry: Registry;
  readonly logger: Pick<Logger, 'warn'>;
  /** Resident memory in bytes. Default: this process's. */
  readonly resident?: () => number;
}

/**
 * Exposes the limit beside `process_resident_memory_bytes`, and warns when the worker comes near it, at once where it
 * does without a cluster: beyond the limit, the kernel ends the process, which logs nothing.
 * @returns a function that ends it.
 */
export function watchMemory({
  limit,
  registry,
  logger,
  resident = () => process.memoryUsage.rss(),
}: MemoryWatchOptions): () => void {
  if (limit === undefined) return () => undefined;
  new Gauge({
    name: 'certman_worker_memory_limit_bytes',
    help: 'Memory that the container of this worker may use. Compare process_resident_memory_bytes with it.',
    registers: [registry],
  }).set(limit);
  const limitMb = Math.round(limit / MIB);
  if (WITHOUT_CLUSTERS_MIB * MIB > WARNED_ABOVE * limit) {
    logger.warn(
      { limitMb },
      `the memory limit of ${limitMb} MiB is low: a worker takes some ${WITHOUT_CLUSTERS_MIB} MiB before its first cluster, and beyond the limit the kernel ends it. Raise the memory limit of the Deployment (docs/performance.md)`,
    );
  }
  let warned = false;
  const timer = setInterval(() => {
    const used = resident() / limit;
    if (used < FORGOTTEN_BELOW) warned = false;
    if (warned || used < WARNED_ABOVE) return;
    warned = true;
    logger.warn(
      { residentMb: Math.round((used * limit) / MIB), limitMb },
      `the worker uses ${Math.round(used * 100)} % of its memory limit; beyond it, the kernel ends it. Raise the memory limit of the Deployment (docs/performance.md), or lower CERTMAN_MAX_CACHED_WORKFLOWS`,
    );
  }, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
