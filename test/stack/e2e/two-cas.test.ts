/** Two installations side by side on one management cluster, each with its own account, CA and namespaces. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Pebble, startPebble } from '../../../local/stack/parts/pebble.ts';
import { tlsFiles } from '../../../local/stack/tls.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { getRequest } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

const PRIVATE = 'certman-private';

const lab = useE2eHarness({ worker: false });
let privateCa: Pebble;

beforeAll(async () => {
  const { stateDir, dns } = lab().stack;
  const tls = await tlsFiles(join(stateDir, 'tls'));
  const context = { stateDir, signal: new AbortController().signal };
  privateCa = await startPebble({ ...context, name: 'private-ca', tls, dnsServer: dns.address });
});
afterAll(async () => {
  await endProcesses();
  await privateCa?.stop();
});

/** The namespace of the second installation, with what it reads there. */
async function installBeside(): Promise<void> {
  const metadata = { namespace: PRIVATE, name: 'certman' };
  const items = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: PRIVATE } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: PRIVATE, name: 'certman-operator' },
      data: { default_notification_email_address: 'private@example.com' },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'certman' },
      subjects: [{ kind: 'ServiceAccount', name: 'certman', namespace: 'certman-operator' }],
    },
  ];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await lab().stack.kubectl(['apply', '-f', '-'], { input: list });
  const args = ['account', 'create', '--directory', privateCa.directoryUrl, '--agree-tos', '--apply'];
  await expectExit(
    runCertman(args, {
      ...lab().commandEnvironment(),
      KUBECONFIG: lab().stack.kubernetes.adminKubeconfig,
      CERTMAN_NAMESPACE: PRIVATE,
    }),
  );
}

async function caOf(cluster: E2eCluster): Promise<string | undefined> {
  const status = (await getRequest(lab(), cluster))?.['status'] as
    | { readonly issued?: boolean; readonly acmeServer?: string }
    | undefined;
  return status?.issued === true ? status.acmeServer : undefined;
}

test('each issues for its own namespaces, from its own CA', async () => {
  await installBeside();
  await lab().startWorker({ name: 'public', environment: { CERTMAN_WATCH_NAMESPACES: 'public' } });
  await lab().startWorker({
    name: 'private',
    environment: {
      CERTMAN_MANAGEMENT_CLUSTER: 'hive-private',
      CERTMAN_NAMESPACE: PRIVATE,
      CERTMAN_WATCH_NAMESPACES: 'private',
      CERTMAN_ACME_DIRECTORY_URL: privateCa.directoryUrl,
      CERTMAN_TRUST_BUNDLE: privateCa.rootsFile,
    },
  });
  const directories: Readonly<Record<string, string>> = { public: lab().ca.url, private: privateCa.directoryUrl };
  for (const [name, url] of Object.entries(directories)) {
    const cluster = await createCluster(lab(), name);
    expect(cluster.namespace).toBe(name);
    const expected = new URL(url).host;
    await waitFor(`${name} has its certificate`, async () => {
      const found = await caOf(cluster);
      return found === expected ? {} : `its CA is ${found ?? 'none'}`;
    });
  }
});
