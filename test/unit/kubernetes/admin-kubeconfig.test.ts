import { dumpYaml } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import type { KubernetesApi, ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { type HiveTrust, readHiveTrust } from '../../../src/kubernetes/objects/admin-kubeconfig.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';

const CLUSTER = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'uid-of-c1' };
const SECRET = 'c1-admin-kubeconfig';
const CA_PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const CLIENT_KEY = 'the key of the administrator';

const encoded = (text: string): string => Buffer.from(text).toString('base64');

/** As the installer writes it. */
function kubeconfig(cluster: Readonly<Record<string, unknown>>, context = 'admin'): string {
  return dumpYaml({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [
      { name: 'other', cluster: { server: 'https://other.example.com', 'insecure-skip-tls-verify': true } },
      { name: 'c1', cluster: { server: 'https://api.c1.example.com:6443', ...cluster } },
    ],
    contexts: [
      { name: 'old', context: { cluster: 'other', user: 'admin' } },
      { name: 'admin', context: { cluster: 'c1', user: 'admin' } },
    ],
    users: [{ name: 'admin', user: { 'client-key-data': encoded(CLIENT_KEY) } }],
  });
}

const SPEC = {
  controlPlaneConfig: {
    servingCertificates: { default: 'primary', additional: [{ name: 'extra', domain: 'x.test' }] },
  },
  clusterMetadata: { adminKubeconfigSecretRef: { name: SECRET } },
};

interface Stored {
  readonly spec?: unknown;
  readonly uid?: string;
  readonly data?: unknown;
}

/** @returns what is found, and which Secrets were read. */
async function trust(stored: Stored, bundleName = 'primary', kind?: 'CertificateRequest') {
  const { spec = SPEC, uid = CLUSTER.uid, data } = stored;
  const read: string[] = [];
  const get = (resource: ResourceType, { name }: { readonly name: string }) => {
    if (resource !== SECRETS) return Promise.resolve({ metadata: { name, uid }, spec });
    read.push(name);
    return Promise.resolve(data === undefined ? undefined : { metadata: { name }, data });
  };
  const found = await readHiveTrust({ get } as unknown as KubernetesApi, { ...CLUSTER, kind }, bundleName);
  return { found, read };
}

const withKubeconfig = (text: string): Stored => ({ data: { kubeconfig: encoded(text) } });

describe('the CAs that Hive trusts', () => {
  it.each(['primary', 'extra'])(
    'are those of the current context, for the bundle %s of the control plane',
    async (bundle) => {
      const text = kubeconfig({ 'certificate-authority-data': encoded(CA_PEM) });
      expect(await trust(withKubeconfig(text), bundle)).toEqual({
        found: { kind: 'certificates', pem: CA_PEM, secretName: SECRET },
        read: [SECRET],
      });
    },
  );

  it('are not read for a bundle of the ingress, and a standalone request', async () => {
    const stored = withKubeconfig(kubeconfig({ 'certificate-authority-data': encoded(CA_PEM) }));
    const none = { found: { kind: 'notConcerned' }, read: [] };
    expect(await trust(stored, 'apps')).toEqual(none);
    expect(await trust(stored, 'primary', 'CertificateRequest')).toEqual(none);
    expect(await trust({ ...stored, uid: 'of another' })).toEqual(none);
  });

  it('can be any', async () => {
    for (const cluster of [{}, { 'insecure-skip-tls-verify': true, 'certificate-authority-data': encoded(CA_PEM) }]) {
      expect((await trust(withKubeconfig(kubeconfig(cluster)))).found).toEqual({ kind: 'anyRoot' });
    }
  });

  it.each<readonly [string, Stored, string]>([
    ['no reference', { spec: { ...SPEC, clusterMetadata: null } }, 'names no Secret'],
    ['no Secret', {}, 'does not exist'],
    ['no entry', { data: { 'raw-kubeconfig': encoded(kubeconfig({})) } }, 'kubeconfig is missing or empty'],
    ['an entry that is too large', { data: { kubeconfig: 'A'.repeat(2 * 1024 * 1024) } }, 'larger than 1024 KiB'],
    ['no YAML', withKubeconfig(`${kubeconfig({})}: [`), 'has no cluster for its current context'],
    ['something else', withKubeconfig('clusters: 7\ncontexts: none\n'), 'has no cluster for its current context'],
    ['no such context', withKubeconfig(kubeconfig({}, 'missing')), 'has no cluster for its current context'],
    ['a file', withKubeconfig(kubeconfig({ 'certificate-authority': '/etc/ca.crt' })), 'names a file'],
  ])('are unknown with %s, and nothing of the kubeconfig is quoted', async (_what, stored, why) => {
    const { found } = await trust(stored);
    expect(found).toMatchObject({
      kind: 'unknown',
      why: expect.stringContaining(why) as string,
    } satisfies Partial<HiveTrust>);
    expect(JSON.stringify(found)).not.toContain(encoded(CLIENT_KEY));
    expect(JSON.stringify(found)).not.toContain(CLIENT_KEY);
  });
});
