/** A hub on which Hive is not installed: CertificateRequests that stand alone are served; Hive may come later. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { ask } from '../../../local/http.ts';
import { AWS } from '../../../local/versions.ts';
import { CERTIFICATE_REQUESTS, FINALIZER } from '../../../src/kubernetes/kubernetes-api.ts';
import { within } from '../../support/checks.ts';
import { newCluster } from '../../support/life-clusters.ts';
import { expectCleared, untilCertified } from '../../support/life-evidence.ts';
import { useLifeLab } from '../../support/life-lab.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { deleteRequest, newRequest } from '../../support/standalone-requests.ts';

const HIVE_CRDS = fileURLToPath(new URL('../../../deploy/overlays/local/hive-crds.yaml', import.meta.url));

const lab = useLifeLab({ worker: false });

/** Messages of the worker's log, in order. */
async function logged(): Promise<readonly string[]> {
  const [worker] = lab().workers();
  const lines = (await readFile(worker?.logFile ?? '', 'utf8')).split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => (JSON.parse(line) as { readonly message: string }).message);
}

beforeAll(async () => {
  await lab().stack.kubectl(['delete', '--wait=true', '-f', HIVE_CRDS], { timeoutMs: PATIENCE_MS });
  await lab().startWorker({ environment: { CERTMAN_COMPARISON_INTERVAL: '2s', CERTMAN_LOG_FORMAT: 'json' } });
});

test('a request is issued, and at its end revoked and cleared away', async () => {
  const request = await newRequest(lab(), 'alone');
  const { serialNumber } = await untilCertified(lab(), request);
  await deleteRequest(lab(), request);
  await expectCleared(lab(), request, { revoked: [serialNumber] });
});

test('the worker says once that there is no Hive, is ready, and compares what there is', async () => {
  await within('the picture was compared', async () =>
    (await logged()).includes('The whole picture was compared') ? {} : 'not yet',
  );
  const [worker] = lab().workers();
  await within('the worker is ready', async () => {
    const { status, body } = await ask(worker?.readyUrl ?? '');
    return status === 200 ? {} : body;
  });
  const said = await logged();
  expect(said.filter((one) => one.includes('does not know clusterdeployments.hive.openshift.io'))).toHaveLength(1);
  expect(said).not.toContain('The whole picture could not be compared');
});

test('Hive that is installed later is noticed, its clusters are served beside the requests', async () => {
  const request = await newRequest(lab(), 'beside');
  const { serialNumber } = await untilCertified(lab(), request);
  await lab().stack.kubectl(['apply', '-f', HIVE_CRDS]);
  await lab().stack.kubectl(
    [
      'wait',
      '--for=condition=Established',
      '--timeout=5m',
      'crd/clusterdeployments.hive.openshift.io',
      'crd/dnszones.hive.openshift.io',
    ],
    { timeoutMs: PATIENCE_MS },
  );
  const cluster = await newCluster(lab(), 'late');
  await untilCertified(lab(), cluster);
  expect((await untilCertified(lab(), request)).serialNumber).toBe(serialNumber);
});

test('a request that a vanished cluster left behind under a name of its own is cleared away, once', async () => {
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
  await within('it is gone', async () =>
    (await lab().kubernetes.get(CERTIFICATE_REQUESTS, key)) === undefined ? {} : 'it is there',
  );
  const compared = async () => (await logged()).filter((one) => one === 'The whole picture was compared').length;
  const since = await compared();
  await within('the picture was compared again', async () => ((await compared()) >= since + 2 ? {} : 'not yet'));
  expect((await logged()).filter((one) => one === 'CertificateRequests were left behind')).toHaveLength(1);
});
