/** Faults of the deletion matrix. Faults of the management cluster are injected once for all clusters of a round. */
import { readFile } from 'node:fs/promises';
import {
  ChangeResourceRecordSetsCommand,
  DeleteHostedZoneCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
import type { ObjectKey } from '../../../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS, SECRETS } from '../../../../src/kubernetes/objects/resources.ts';
import { newAccount, newAccountKey } from '../../acme/account.ts';
import { WAIT_TIMEOUT_MS } from '../../vitest/timeouts.ts';
import { ACCOUNT, readAccount, writeAccount } from '../account-secret.ts';
import { waitFor } from '../checks.ts';
import { deleteCluster, type E2eCluster, patchCluster } from '../clusters.ts';
import { revokeAtCa } from '../evidence.ts';
import type { E2eHarness } from '../harness.ts';
import { type MatrixCluster, waitForState, type ZoneRef } from './states.ts';

/** Deletes a cluster, with the faults that affect this cluster only. */
export async function deleteWithFault(lab: E2eHarness, { fault, cluster, installed }: MatrixCluster): Promise<void> {
  const { namespace, name, secretName } = cluster;
  if (fault === 'namespace') {
    // Gone at once, it would leave it to chance whether the worker has read it within the last minute.
    await setCredentialsFinalizers(lab, cluster, [HOLD]);
    await lab.stack.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    return;
  }
  if (fault === 'secret') await lab.kubernetes.delete(SECRETS, { namespace, name: secretName });
  if (fault === 'revoked' && installed !== undefined) await revokeAtCa(lab, installed.certificate);
  if (fault === 'unmanaged') {
    await patchCluster(lab, cluster, { metadata: { labels: { 'api.openshift.com/managed': null } } });
    await waitForState(lab, cluster, 'Paused');
  }
  if (fault === 'forced') await forceOut(lab, { namespace, name });
  else await deleteCluster(lab, cluster);
}

const HOLD = 'test.example.com/hold';

async function setCredentialsFinalizers(
  { kubernetes }: E2eHarness,
  { namespace }: E2eCluster,
  value: readonly string[],
): Promise<void> {
  await kubernetes.patch(SECRETS, { namespace, name: 'aws' }, [{ op: 'add', path: '/metadata/finalizers', value }]);
}

/** Waits until the namespace of a cluster is gone, whose credentials are no longer needed. */
export async function waitUntilNamespaceIsGone(lab: E2eHarness, { cluster }: MatrixCluster): Promise<void> {
  await setCredentialsFinalizers(lab, cluster, []);
  await lab.stack.kubectl(['wait', '--for=delete', `namespace/${cluster.namespace}`, '--timeout=5m'], {
    timeoutMs: WAIT_TIMEOUT_MS,
  });
}

/** Deletes a ClusterDeployment that has no finalizer at that instant: certman adds its own again once it sees that. */
async function forceOut({ kubernetes }: E2eHarness, key: ObjectKey): Promise<void> {
  await waitFor(`${key.name} is deleted without a finalizer`, async () => {
    const bare = await kubernetes.patch(CLUSTER_DEPLOYMENTS, key, [
      { op: 'add', path: '/metadata/finalizers', value: [] },
    ]);
    const { resourceVersion } = bare?.metadata ?? {};
    // A conflict: certman was faster.
    await kubernetes.delete(CLUSTER_DEPLOYMENTS, key, resourceVersion === undefined ? {} : { resourceVersion });
    return {};
  });
}

/** Deletes a hosted zone after its TXT records: Route 53 deletes empty zones only, and an order may publish in between. */
export async function deleteZone(lab: E2eHarness, { zoneId }: ZoneRef): Promise<void> {
  const { endpoint, region, credentials } = lab.stack.route53;
  const client = new Route53Client({ endpoint, region, credentials });
  try {
    await waitFor(`the hosted zone ${zoneId} is deleted`, async () => {
      const { ResourceRecordSets = [] } = await client.send(
        new ListResourceRecordSetsCommand({ HostedZoneId: zoneId }),
      );
      const Changes = ResourceRecordSets.filter(({ Type }) => Type === 'TXT').map((ResourceRecordSet) => ({
        Action: 'DELETE' as const,
        ResourceRecordSet,
      }));
      if (Changes.length > 0) {
        await client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: { Changes } }));
      }
      await client.send(new DeleteHostedZoneCommand({ Id: zoneId }));
      return {};
    });
  } finally {
    client.destroy();
  }
}

/** Deletes the account Secret. @returns a function that restores it. */
export async function removeAccount(lab: E2eHarness): Promise<() => Promise<void>> {
  const account = await readAccount(lab);
  await lab.kubernetes.delete(SECRETS, ACCOUNT);
  return () => writeAccount(lab, account);
}

/** Replaces the account by another one of the same CA, or by one unknown to it. @returns a function that restores it. */
export async function replaceAccount(lab: E2eHarness, by: 'foreign' | 'unknown'): Promise<() => Promise<void>> {
  const account = await readAccount(lab);
  if (by === 'foreign') {
    const { accountUrl, privateKeyPem } = await newAccount({
      directoryUrl: `${lab.ca.url}/dir`,
      caPem: await readFile(lab.stack.acme.caFile, 'utf8'),
    });
    await writeAccount(lab, { 'account-url': accountUrl, 'private-key': privateKeyPem });
  } else {
    const url = account['account-url'].replace(/[^/]+$/, '0123456789abcdef');
    await writeAccount(lab, { 'account-url': url, 'private-key': newAccountKey() });
  }
  return () => writeAccount(lab, account);
}

/** Deletes the cluster's AWS credentials. @returns a function that restores them. */
export async function removeCredentials(lab: E2eHarness, { cluster }: MatrixCluster): Promise<() => Promise<void>> {
  const key = { namespace: cluster.namespace, name: 'aws' };
  const secret = await lab.kubernetes.get(SECRETS, key);
  await lab.kubernetes.delete(SECRETS, key);
  return async () => {
    const manifest = { apiVersion: 'v1', kind: 'Secret', metadata: key, data: secret?.['data'] };
    await lab.stack.kubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
  };
}
