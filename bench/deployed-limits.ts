/** What the Deployment limits a worker to, for benches whose machine limits it to nothing. */
import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { cachedWorkflowsFor } from '../src/worker/memory-limit.ts';

const DEPLOYMENT = new URL('../deploy/base/deployment.yaml', import.meta.url);
const MIB = 1024 * 1024;

/** Settings that give a worker the cache of workflows that its container's memory limit would. @throws RangeError. */
export async function deployedCacheSettings(): Promise<{ readonly CERTMAN_MAX_CACHED_WORKFLOWS: string }> {
  const limits = parseAllDocuments(await readFile(DEPLOYMENT, 'utf8')).map((document) =>
    document.getIn(['spec', 'template', 'spec', 'containers', 0, 'resources', 'limits', 'memory']),
  );
  const limit = limits.find((one) => typeof one === 'string');
  const [, mebibytes] = /^(\d+)Mi$/.exec(limit ?? '') ?? [];
  if (mebibytes === undefined)
    throw new RangeError(`deploy/base/deployment.yaml: a memory limit of ${limit ?? 'none'}`);
  return { CERTMAN_MAX_CACHED_WORKFLOWS: String(cachedWorkflowsFor(Number(mebibytes) * MIB)) };
}
