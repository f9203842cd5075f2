/** What is wrong when a cluster of the matrix is deleted. Faults of the whole hub are done once, for all clusters of a round. */
import { readFile } from 'node:fs/promises';
import {
  ChangeResourceRecordSetsCommand,
  DeleteHostedZoneCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { CLUSTER_DEPLOYMENTS, SECRETS } from '../../../../src/kubernetes/objects/resources.ts';
import { newAccount, newAccountKey } from '../../acme/account.ts';
import { ACCOUNT, readAccount, writeAccount } from '../account-secret.ts';
import { deleteCluster, patchCluster } from '../clusters.ts';
import { revokeAtCa } from '../evidence.ts';
import type { E2eHarness } from '../harness.ts';
import { type MatrixCluster, waitForState, type ZoneRef } from './states.ts';

/** Deletes the cluster of a cell, with what is wrong around it alone. */
export async function deleteWithFault(
  lab: E2eHarness,
  { fault, cluster, installed: held }: MatrixCluster,
): Promise<void> {
  const { namespace, name, secretName } = cluster;
  if (fault === 'namespace') {
    await lab.stack.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    return;
  }
  if (fault === 'secret') await lab.kubernetes.delete(SECRETS, { namespace, name: secretName });
  if (fault === 'revoked' && held !== undefined) await revokeAtCa(lab, held.certificate);
  if (fault === 'unmanaged') {
    await patchCluster(lab, cluster, { metadata: { labels: { 'api.openshift.com/managed': null } } });
    await waitForState(lab, cluster, 'Paused');
  }
  if (fault === 'forced') await patchCluster(lab, cluster, { metadata: { finalizers: null } });
  await deleteCluster(lab, cluster);
  if (fault === 'forced' && (await lab.kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace, name })) !== undefined) {
    throw new Error(`${name} has its finalizer again already: it did not go before certman saw it go`);
  }
}

/** As somebody does who gives a domain up. Route 53 deletes only what is empty. */
export async function deleteZone(lab: E2eHarness, { zoneId }: ZoneRef): Promise<void> {
  const { endpoint, region, credentials } = lab.stack.route53;
  const client = new Route53Client({ endpoint, region, credentials });
  try {
    const { ResourceRecordSets = [] } = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: zoneId }));
    const Changes = ResourceRecordSets.filter(({ Type }) => Type === 'TXT').map((ResourceRecordSet) => ({
      Action: 'DELETE' as const,
      ResourceRecordSet,
    }));
    if (Changes.length > 0) {
      await client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: { Changes } }));
    }
    await client.send(new DeleteHostedZoneCommand({ Id: zoneId }));
  } finally {
    client.destroy();
  }
}

/** @returns what puts it back. */
export async function removeAccount(lab: E2eHarness): Promise<() => Promise<void>> {
  const account = await readAccount(lab);
  await lab.kubernetes.delete(SECRETS, ACCOUNT);
  return () => writeAccount(lab, account);
}

/** Another account of the same CA, or one that the CA does not know. @returns what puts the right one back. */
export async function replaceAccount(lab: E2eHarness, by: 'stranger' | 'unknown'): Promise<() => Promise<void>> {
  const account = await readAccount(lab);
  if (by === 'stranger') {
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

/** The cluster's AWS credentials. @returns what puts them back. */
export async function removeCredentials(lab: E2eHarness, { cluster }: MatrixCluster): Promise<() => Promise<void>> {
  const key = { namespace: cluster.namespace, name: 'aws' };
  const secret = await lab.kubernetes.get(SECRETS, key);
  await lab.kubernetes.delete(SECRETS, key);
  return async () => {
    const manifest = { apiVersion: 'v1', kind: 'Secret', metadata: key, data: secret?.['data'] };
    await lab.stack.kubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
  };
}
