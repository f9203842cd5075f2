/** Hive's admission webhook (failurePolicy Fail) is down: what needs no write to a ClusterDeployment goes on. */
import { expect, test } from 'vitest';
import { renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { waitForCertificate } from '../../support/e2e/checks.ts';
import { identityOf } from '../../support/e2e/cluster-objects.ts';
import { createCluster } from '../../support/e2e/clusters.ts';
import { waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { breakAdmissionWebhook } from '../../support/kubernetes/admission-webhook.ts';

const lab = useE2eHarness();

test('a renewal succeeds while the webhook of ClusterDeployments is down', async () => {
  const cluster = await createCluster(lab(), 'webhook-down');
  const { serialNumber } = await waitUntilCertified(lab(), cluster);
  const mend = await breakAdmissionWebhook(lab().kubernetes, cluster.namespace);
  const handle = lab().client.workflow.getHandle(clusterWorkflowId(await identityOf(lab(), cluster)));
  const [renewed] = await handle.executeUpdate(renew, { args: [{}] });
  expect(renewed?.certificate.serialNumber).not.toBe(serialNumber);
  const stored = await waitForCertificate(lab().kubernetes, cluster, serialNumber);
  expect(stored.serialNumber).toBe(renewed?.certificate.serialNumber);
  await mend();
});
