/** Prepares the stack's API server as a management cluster: CRDs, rights, settings, an ACME account, a ServiceAccount. */
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { registerAccount } from '../../../src/acme/register-account.ts';
import { AcmeTransport } from '../../../src/acme/transport.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import type { Stack } from '../stack.ts';
import { MANAGEMENT_CLUSTER_FILE } from '../state-folder.ts';
import { withAdmin, withHiveClient } from './clients.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { installManifests } from './manifests.ts';
import { SAMPLE_EXTRA_RECORD, sampleCluster, sampleManifests } from './sample-cluster.ts';
import { CERTMAN_SERVICE_ACCOUNT, serviceAccountToken } from './service-account.ts';

/** What a worker needs. */
export interface ManagementCluster {
  /** Variables for a worker: the stack's, with the ServiceAccount's kubeconfig. */
  readonly environment: Readonly<Record<string, string>>;
  /** Kubeconfig of certman's ServiceAccount, with the rights of deploy/base. */
  readonly kubeconfig: string;
  readonly accountUrl: string;
  /** File with one more installed cluster, for `kubectl apply -f`. */
  readonly sampleManifest: string;
}

/** Options of {@link prepareManagementCluster}. */
export interface ManagementClusterOptions {
  /** Zone of the cluster in {@link ManagementCluster.sampleManifest}. Default `demo.example.com`. */
  readonly sampleZone?: string;
}

const NAMESPACE = CERTMAN_SERVICE_ACCOUNT.namespace;
const IN_NAMESPACE = `/api/v1/namespaces/${NAMESPACE}`;
const CONTACT = 'sre@example.com';
const YEAR_S = 365 * 86_400;

/** Prepares the management cluster. A second call creates new credentials and a new ACME account, and changes nothing else. */
export async function prepareManagementCluster(
  stack: Stack,
  options: ManagementClusterOptions = {},
): Promise<ManagementCluster> {
  await withAdmin(stack.kubernetes.adminKubeconfig, installManifests);
  const accountUrl = await installAcmeAccount(stack);
  const kubeconfig = await serviceAccountKubeconfig(stack);
  const sampleManifest = join(stack.stateDir, 'sample-cluster.yaml');
  const sample = sampleCluster('one-more', options.sampleZone ?? 'demo.example.com');
  const items = sampleManifests(sample, { installed: true, dnsZone: false });
  await writeFile(sampleManifest, `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2)}\n`);
  const environment = {
    ...stack.environment(),
    KUBECONFIG: kubeconfig,
    CERTMAN_EXTRA_RECORD: SAMPLE_EXTRA_RECORD,
  };
  const managementCluster: ManagementCluster = { environment, kubeconfig, accountUrl, sampleManifest };
  await writeFile(
    join(stack.stateDir, MANAGEMENT_CLUSTER_FILE),
    `${JSON.stringify(managementCluster, undefined, 2)}\n`,
    {
      mode: 0o600,
    },
  );
  return managementCluster;
}

/** Registers a new account at the CA and writes it where certman reads it. @returns the account URL. */
async function installAcmeAccount(stack: Stack): Promise<string> {
  const privateKeyPem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const transport = new AcmeTransport({
    caBundlePem: await readFile(stack.acme.caFile, 'utf8'),
    userAgent: 'certman-local',
  });
  const { directoryUrl } = stack.acme;
  let accountUrl: string;
  try {
    accountUrl = await registerAccount(transport, {
      directoryUrl,
      privateKeyPem,
      termsAgreed: true,
      contacts: [CONTACT],
    });
  } finally {
    await transport.close();
  }
  await withHiveClient(stack.kubernetes.adminKubeconfig, (hive) =>
    hive.apply([
      {
        path: `${IN_NAMESPACE}/secrets/lets-encrypt-account`,
        body: {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { namespace: NAMESPACE, name: 'lets-encrypt-account' },
          stringData: { 'account-url': accountUrl, 'private-key': privateKeyPem },
        },
      },
      {
        path: `${IN_NAMESPACE}/configmaps/certman-operator`,
        body: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { namespace: NAMESPACE, name: 'certman-operator' },
          data: { default_notification_email_address: CONTACT },
        },
      },
    ]),
  );
  return accountUrl;
}

async function serviceAccountKubeconfig(stack: Stack): Promise<string> {
  const admin = loadKubeConfig({ path: stack.kubernetes.adminKubeconfig });
  const token = await serviceAccountToken(admin, CERTMAN_SERVICE_ACCOUNT, YEAR_S);
  const file = join(stack.stateDir, 'certman.kubeconfig');
  const { server, caFile } = stack.kubernetes;
  await writeKubeconfig(file, { server, caFile, user: CERTMAN_SERVICE_ACCOUNT.name, token });
  return file;
}
