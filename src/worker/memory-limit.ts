import { totalmem } from 'node:os';

const MIB = 1024 * 1024;
/** Of one in the SDK's cache: half of it while it sleeps, measured, and all of it while it is at work. */
const CACHED_WORKFLOW_BYTES = 0.25 * MIB;
/** 192 in the Deployment: the 100 orders that are under way at most, and their clusters. */
const CACHE_SHARE = 1 / 16;
const MIN_CACHED_WORKFLOWS = 100;
const DEFAULT_CACHED_WORKFLOWS = 500;

/** The memory that the container of this process may use, in bytes; undefined where only the machine limits it. */
export function memoryLimit(constrained: number = process.constrainedMemory()): number | undefined {
  return constrained > 0 && constrained < totalmem() ? constrained : undefined;
}

/** How many workflows a worker keeps in memory unless a setting says so: a sixteenth of its limit, within 100 and 500. */
export function cachedWorkflowsFor(limit: number | undefined): number {
  if (limit === undefined) return DEFAULT_CACHED_WORKFLOWS;
  const fitting = Math.floor((limit * CACHE_SHARE) / CACHED_WORKFLOW_BYTES);
  return Math.min(Math.max(fitting, MIN_CACHED_WORKFLOWS), DEFAULT_CACHED_WORKFLOWS);
}
