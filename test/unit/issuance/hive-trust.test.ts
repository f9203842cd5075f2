/** Where Hive could not connect anyway, its trust holds up no certificate. */
import { dumpYaml } from '@kubernetes/client-node';
import { beforeAll, expect, test } from 'vitest';
import { HiveTrust } from '../../../src/issuance/hive-trust.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { type MadeCertificate, makeCertificate, pemOf } from '../../support/certificates/chains.ts';

const DAY_MS = 86_400_000;
const LATER = new Date(Date.now() + 4000 * DAY_MS);
const BUNDLE = {
  cluster: { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'uid-of-c1' },
  bundleName: 'primary',
  secretName: 'primary-cert',
};

let root: MadeCertificate;
let other: MadeCertificate;
beforeAll(async () => {
  root = await makeCertificate({ name: 'Root', notAfter: LATER });
  other = await makeCertificate({ name: 'Other', notAfter: LATER });
});

const encoded = (text: string): string => Buffer.from(text).toString('base64');

/** @param caPem of the kubeconfig. @param inUse in the Secret of the certificate; undefined: there is none. */
async function trustedBy(caPem: string, inUse?: MadeCertificate) {
  const kubeconfig = dumpYaml({
    'current-context': 'admin',
    clusters: [
      { name: 'c1', cluster: { server: 'https://api.c1.test', 'certificate-authority-data': encoded(caPem) } },
    ],
    contexts: [{ name: 'admin', context: { cluster: 'c1', user: 'admin' } }],
    users: [{ name: 'admin', user: {} }],
  });
  const objects: Readonly<Record<string, object | undefined>> = {
    c1: {
      metadata: { uid: BUNDLE.cluster.uid },
      spec: {
        controlPlaneConfig: { servingCertificates: { default: 'primary' } },
        clusterMetadata: { adminKubeconfigSecretRef: { name: 'admin' } },
      },
    },
    admin: { metadata: {}, data: { kubeconfig: encoded(kubeconfig) } },
    'primary-cert': inUse && {
      metadata: {},
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': encoded(pemOf(inUse)), 'tls.key': encoded(inUse.keyPem) },
    },
  };
  const get = (_resource: unknown, { name }: { readonly name: string }) => Promise.resolve(objects[name]);
  const warnings: string[] = [];
  const found = await new HiveTrust((message) => warnings.push(message)).of(
    { get } as unknown as KubernetesApi,
    BUNDLE,
  );
  return { size: found?.store.size, secret: found?.secret, warnings };
}

const leafOf = (issuer: MadeCertificate, notAfter = LATER) =>
  makeCertificate({
    name: 'api.c1.test',
    dnsNames: ['api.c1.test'],
    issuer,
    notBefore: new Date(Date.now() - 90 * DAY_MS),
    notAfter,
  });

test('the CAs of the kubeconfig decide about a first certificate, and about one that replaces a trusted one', async () => {
  const decides = { size: 1, secret: 'ns/admin', warnings: [] };
  expect(await trustedBy(root.pem)).toEqual(decides);
  expect(await trustedBy(root.pem, await leafOf(root))).toEqual(decides);
});

test('a certificate in use that Hive does not trust either, or that has expired, is replaced all the same', async () => {
  for (const inUse of [await leafOf(other), await leafOf(root, new Date(Date.now() - DAY_MS))]) {
    const { size, warnings } = await trustedBy(root.pem, inUse);
    expect(size).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('Hive does not trust the one in use either')]);
  }
});

test('a kubeconfig without a certificate that can be read blocks nothing', async () => {
  const { size, warnings } = await trustedBy('no certificate');
  expect(size).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining('the kubeconfig has no CA certificate')]);
});
