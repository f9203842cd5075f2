/** A fleet at rest costs nothing: no Temporal actions, no writes to the API server, no requests to the CA. A new one is not read first. */
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { auditedRequests, CERTMAN_USER } from '../../support/kubernetes/audit-log.ts';
import { frontendRequests } from '../../support/temporal/action-requests.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const lab = useE2eHarness({
  kubernetes: { auditUser: CERTMAN_USER },
  worker: { CERTMAN_RESYNC_INTERVAL: '5s' },
});

const WRITES = new Set(['create', 'update', 'patch', 'delete']);
const RESYNCS = 3;

async function counts() {
  const { actions } = await frontendRequests(lab().stack.temporal.metricsUrl);
  const writes = (await auditedRequests(lab())).filter(({ verb }) => WRITES.has(verb));
  return { actions, writes: writes.length, orders: lab().ca.seen.filter(({ method }) => method === 'POST').length };
}

async function resyncs(): Promise<number> {
  const [worker] = lab().workers();
  if (worker === undefined) throw new Error('no worker runs');
  return (await readFile(worker.logFile, 'utf8')).split('"Resynced"').length - 1;
}

let clusters: readonly E2eCluster[];

beforeAll(async () => {
  clusters = await Promise.all(['one', 'two', 'three'].map((name) => createCluster(lab(), name)));
  for (const cluster of clusters) await waitUntilCertified(lab(), cluster);
});

test('the worker that watches adds the finalizer to what the watch has shown, before it reads a new cluster', async () => {
  const ofClusters = (await auditedRequests(lab())).filter(
    ({ resource, name }) => resource === CLUSTER_DEPLOYMENTS.plural && name !== '',
  );
  const firsts = clusters.map(({ namespace }) => ofClusters.find((request) => request.namespace === namespace)?.verb);
  // One that has changed since is read, after a request that is refused and so not listed here: not all three.
  expect(firsts).toContain('patch');
});

test('a fleet at rest, over several resyncs, causes no actions, writes or orders', async () => {
  // Something that follows the certificates may come late; what a resync causes comes with each of them.
  await eventually(
    `nothing happens over ${RESYNCS} resyncs`,
    async () => {
      const [before, resynced] = [await counts(), await resyncs()];
      await eventually('resynced', resyncs, (count) => count >= resynced + RESYNCS);
      return { before, after: await counts() };
    },
    ({ before, after }) => JSON.stringify(before) === JSON.stringify(after),
  );
});
