/** A management cluster without Hive: standalone CertificateRequests are served, and Hive can be installed later. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { sendRequest } from '../../../local/stack/http.ts';
import { AWS } from '../../../local/stack/versions.ts';
import { CERTIFICATE_REQUESTS, FINALIZER } from '../../../src/kubernetes/objects/resources.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster } from '../../support/e2e/clusters.ts';
import { expectDecommissioned, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { createRequest, deleteRequest } from '../../support/e2e/standalone-requests.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const HIVE_CRDS = fileURLToPath(new URL('../../../deploy/overlays/local/hive-crds.yaml', import.meta.url));

const lab = useE2eHarness({ worker: false });

interface LogLine {
  readonly message: string;
  readonly problem?: string;
}

/** @returns the lines of the worker's log, oldest first. */
async function logLines(): Promise<readonly LogLine[]> {
  const [worker] = lab().workers();
  // What follows the last line break is being written.
  const written = (await readFile(worker?.logFile ?? '', 'utf8')).split('\n').slice(0, -1);
  const lines = written.filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as LogLine);
}

/** Whether the worker logged a message, and at most once for each time that it began to watch. */
async function loggedOnce(part: string): Promise<boolean> {
  const messages = (await logLines()).map(({ message }) => message);
  const count = messages.filter((one) => one.includes(part)).length;
  // On a slow machine, the activity that watches can time out, and begin again.
  const starts = messages.filter((one) => one === 'This worker watches the management cluster').length;
  return count >= 1 && count <= starts;
}

beforeAll(async () => {
  await lab().stack.kubectl(['delete', '--wait=true', '-f', HIVE_CRDS], { timeoutMs: WAIT_TIMEOUT_MS });
  await lab().startWorker({ environment: { CERTMAN_RESYNC_INTERVAL: '2s', CERTMAN_LOG_FORMAT: 'json' } });
});

test('a standalone CertificateRequest is issued, and decommissioned when it is deleted', async () => {
  const request = await createRequest(lab(), 'alone');
  const { serialNumber } = await waitUntilCertified(lab(), request);
  await deleteRequest(lab(), request);
  await expectDecommissioned(lab(), request, { revoked: [serialNumber] });
});

test('the worker logs once that Hive is missing, becomes ready and resyncs', async () => {
  await waitFor('a resync is logged', async () =>
    (await logLines()).some(({ message }) => message === 'Resynced') ? {} : 'not yet',
  );
  const [worker] = lab().workers();
  await waitFor('the worker is ready', async () => {
    const { status, body } = await sendRequest(worker?.readyUrl ?? '');
    return status === 200 ? {} : body;
  });
  expect(await loggedOnce('does not know clusterdeployments.hive.openshift.io')).toBe(true);
  const failed = (await logLines()).filter(({ message }) => message === 'The resync failed');
  expect(failed.filter(({ problem = '' }) => problem.includes('clusterdeployments'))).toEqual([]);
});

test('once Hive is installed its ClusterDeployments are served as well', async () => {
  const request = await createRequest(lab(), 'beside');
  const { serialNumber } = await waitUntilCertified(lab(), request);
  await lab().stack.kubectl(['apply', '-f', HIVE_CRDS]);
  await lab().stack.kubectl(
    [
      'wait',
      '--for=condition=Established',
      '--timeout=5m',
      'crd/clusterdeployments.hive.openshift.io',
      'crd/dnszones.hive.openshift.io',
    ],
    { timeoutMs: WAIT_TIMEOUT_MS },
  );
  const cluster = await createCluster(lab(), 'late');
  await waitUntilCertified(lab(), cluster);
  expect((await waitUntilCertified(lab(), request)).serialNumber).toBe(serialNumber);
});

test('an orphaned CertificateRequest of a deleted ClusterDeployment is decommissioned, and reported once', async () => {
  const key = { namespace: 'alone', name: 'left-over' };
  const owner = { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'vanished' };
  await lab().kubernetes.create(CERTIFICATE_REQUESTS, {
    metadata: { ...key, finalizers: [FINALIZER], ownerReferences: [{ ...owner, uid: crypto.randomUUID() }] },
    spec: {
      acmeDNSDomain: lab().zone.name,
      certificateSecret: { name: 'left-over-cert' },
      dnsNames: [`left-over.${lab().zone.name}`],
      email: 'owner@example.com',
      platform: { aws: { credentials: { name: 'aws' }, region: AWS.region } },
    },
  });
  await waitFor('it is gone', async () =>
    (await lab().kubernetes.get(CERTIFICATE_REQUESTS, key)) === undefined ? {} : 'it is there',
  );
  const resyncs = async () => (await logLines()).filter(({ message }) => message === 'Resynced').length;
  const before = await resyncs();
  await waitFor('two more resyncs ran', async () => ((await resyncs()) >= before + 2 ? {} : 'not yet'));
  expect(await loggedOnce('CertificateRequests are orphaned')).toBe(true);
});
