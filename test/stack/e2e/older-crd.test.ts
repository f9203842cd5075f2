/** The CRD of certman-operator is still installed: certificates are issued all the same, and it is said what to do. */
import { beforeAll, expect, test } from 'vitest';
import { sendRequest } from '../../../local/stack/http.ts';
import { readManifests, resourceOf } from '../../../local/stack/management-cluster/manifests.ts';
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { readInstalledCertificate } from '../../support/e2e/cluster-objects.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { expectExit, runCertman } from '../../support/process/certman-process.ts';

const COMMAND = 'kubectl apply -f deploy/base/certificaterequest-crd.yaml';
const OPERATOR_STATUS = ['conditions', 'issued', 'issuerName', 'notAfter', 'notBefore', 'serialNumber', 'status'];

const lab = useE2eHarness({ worker: false });
let worker: WorkerProcess;
let cluster: E2eCluster;

type Parts = Record<
  'spec' | 'status',
  { readonly properties: Record<string, unknown>; 'x-kubernetes-validations'?: unknown }
>;

async function applyCrd(change: (parts: Parts) => void): Promise<void> {
  const [manifest] = await readManifests('base/certificaterequest-crd.yaml');
  const crd = structuredClone(manifest) as KubernetesObject & {
    readonly spec: {
      readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: { readonly properties: Parts } } }];
    };
  };
  change(crd.spec.versions[0].schema.openAPIV3Schema.properties);
  await lab().kubernetes.apply(resourceOf(crd), crd);
}

async function statusOutput(): Promise<string> {
  const args = ['status', `${cluster.namespace}/${cluster.name}`];
  return (await expectExit(runCertman(args, lab().commandEnvironment()))).output;
}

beforeAll(async () => {
  await applyCrd((parts) => {
    delete parts.spec.properties['namesProblem'];
    delete parts.spec['x-kubernetes-validations'];
    for (const field of Object.keys(parts.status.properties)) {
      if (!OPERATOR_STATUS.includes(field)) delete parts.status.properties[field];
    }
  });
  worker = await lab().startWorker();
  cluster = await createCluster(lab(), 'older');
});

test('a certificate is issued, and everything says that its status cannot be written', async () => {
  await waitFor('the certificate is installed', async () =>
    (await readInstalledCertificate(lab(), cluster)) === undefined ? 'there is none' : {},
  );
  await waitFor('the metric says that the CRD is older', async () => {
    const outdated = (await scrape(worker.metricsUrl)).value('certman_crd_outdated');
    return outdated === 1 ? {} : `it is ${outdated}`;
  });
  const { status, body } = await sendRequest(worker.readyUrl);
  expect(status).toBe(200);
  expect(body).toContain(COMMAND);
  expect(body).toContain('status.state');
  await waitFor('certman status says it, of the cluster too', async () => {
    const output = await statusOutput();
    const mentions = output.split(COMMAND).length - 1;
    return mentions === 2 && output.includes('The status could not be written') ? {} : output;
  });
  const key = { namespace: cluster.namespace, name: cluster.requestName };
  expect((await lab().kubernetes.get(CERTIFICATE_REQUESTS, key))?.['status']).toBeUndefined();
});

test('with the CRD of this version, the status is written, with nothing ordered anew', async () => {
  const before = await readInstalledCertificate(lab(), cluster);
  await applyCrd(() => undefined);
  expect((await waitUntilCertified(lab(), cluster)).serialNumber).toBe(before?.serialNumber);
  await waitFor('the metric says so', async () => {
    const outdated = (await scrape(worker.metricsUrl)).value('certman_crd_outdated');
    return outdated === 0 ? {} : `it is ${outdated}`;
  });
  // The status is there a moment before the workflow records that it is.
  await waitFor('certman status says nothing of it any more', async () => {
    const output = await statusOutput();
    return output.includes(COMMAND) ? output : {};
  });
});
