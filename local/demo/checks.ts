/** What the demo asserts, asked of those who know: the CA, the DNS and the API server. Each throws saying what was found instead. */
import { X509Certificate } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubernetesApi } from '../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, SECRETS } from '../../src/kubernetes/objects/resources.ts';
import { readTlsSecret } from '../../src/kubernetes/objects/secrets.ts';
import type { SampleCluster } from '../stack/management-cluster/sample-cluster.ts';
import type { RunningStack } from '../stack/stack.ts';

/** A check did not hold. */
export class CheckFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CheckFailed';
  }
}

export interface InstalledCertificate {
  readonly serialNumber: string;
  readonly certificate: X509Certificate;
  readonly keyFingerprint: string;
}

/** Polls until a look says it is so; the last objection is what the error says. */
export async function waitFor<T>(seconds: number, what: string, look: () => Promise<T | string>): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (typeof found !== 'string') return found;
    if (Date.now() > deadline) throw new CheckFailed(`${what}: not within ${seconds} s; ${found}`);
    await sleep(100);
  }
}

/** The certificate in the Secret, once it is there and another than `previous`. */
export async function waitForCertificate(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  previous: string | undefined,
  seconds: number,
): Promise<InstalledCertificate> {
  return await waitFor(seconds, `certificate in Secret ${cluster.namespace}/${cluster.secretName}`, async () => {
    const secret = await readTlsSecret(kubernetes, { namespace: cluster.namespace, name: cluster.secretName });
    if (secret.kind === 'missing') return 'there is no Secret';
    if (secret.kind === 'broken') throw new CheckFailed(`the Secret is broken: ${secret.message}`);
    if (secret.certificate.serialNumber === previous) return `it still holds ${previous}`;
    const lacking = cluster.dnsNames.filter((name) => !secret.certificate.dnsNames.includes(name));
    if (lacking.length > 0) throw new CheckFailed(`the certificate lacks ${lacking.join(', ')}`);
    const certificate = new X509Certificate(secret.chainPem);
    return {
      serialNumber: secret.certificate.serialNumber,
      certificate,
      keyFingerprint: certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    };
  });
}

/** What the CA itself says of a certificate. */
export async function expectStatusAtCa(
  stack: RunningStack,
  serialNumber: string,
  expected: 'Valid' | 'Revoked',
): Promise<void> {
  const { Status: status } = await stack.acme.statusOf(serialNumber);
  if (status !== expected) throw new CheckFailed(`the CA says ${status} of ${serialNumber}, expected ${expected}`);
}

/** No TXT record of any name is left, as the DNS answers. */
export async function waitForTxtRemoval(stack: RunningStack, cluster: SampleCluster, seconds: number): Promise<void> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([stack.dns.address]);
  for (const name of cluster.dnsNames) {
    const record = `_acme-challenge.${name.replace(/^\*\./, '')}`;
    await waitFor(seconds, `TXT ${record} is gone`, async () => {
      try {
        return `the DNS still answers ${JSON.stringify(await resolver.resolveTxt(record))}`;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (code === 'ENOTFOUND' || code === 'ENODATA') return {};
        return `the DNS does not answer (${code})`;
      }
    });
  }
}

/** The CertificateRequest says Ready, with our finalizer and the same serial. */
export async function waitForReadyRequest(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  serialNumber: string,
  seconds: number,
): Promise<void> {
  await waitFor(seconds, `CertificateRequest ${cluster.namespace}/${cluster.requestName} is Ready`, async () => {
    const request = await kubernetes.get(CERTIFICATE_REQUESTS, {
      namespace: cluster.namespace,
      name: cluster.requestName,
    });
    const status = request?.['status'] as
      | {
          readonly serialNumber?: string;
          readonly conditions?: readonly { readonly type: string; readonly status: string }[];
        }
      | undefined;
    const ready =
      status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
    return ready && status?.serialNumber === serialNumber ? {} : `its status is ${JSON.stringify(status ?? null)}`;
  });
}

/** The ClusterDeployment (and so its finalizer), the request, the Secret and the staging Secret are all gone. */
export async function waitForObjectRemoval(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  seconds: number,
): Promise<void> {
  const gone = [
    [CLUSTER_DEPLOYMENTS, cluster.name],
    [CERTIFICATE_REQUESTS, cluster.requestName],
    [SECRETS, cluster.secretName],
    [SECRETS, `${cluster.requestName}-staging`],
  ] as const;
  for (const [resource, name] of gone) {
    await waitFor(seconds, `${resource.kind} ${cluster.namespace}/${name} is gone`, async () => {
      const found = await kubernetes.get(resource, { namespace: cluster.namespace, name });
      return found === undefined
        ? {}
        : `it is there, with finalizers ${JSON.stringify(found.metadata.finalizers ?? [])}`;
    });
  }
}
