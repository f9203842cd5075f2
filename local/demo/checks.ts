/** What the demo asserts, read from the CA, the DNS and the API server. Each check throws {@link CheckFailed} with what it found. */
import { X509Certificate } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { isFailure } from '../../src/failures/failure.ts';
import { getIfKnown } from '../../src/kubernetes/api/discovery.ts';
import { type KubernetesApi } from '../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, SECRETS } from '../../src/kubernetes/objects/resources.ts';
import { readTlsSecret } from '../../src/kubernetes/objects/tls-secret.ts';
import type { SampleCluster } from '../stack/management-cluster/sample-cluster.ts';
import { poll } from '../stack/poll.ts';
import type { RunningStack } from '../stack/stack.ts';

/** A check that does not hold; the message is what was found instead. */
export class CheckFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CheckFailed';
  }
}

/** A certificate in its Secret. */
export interface InstalledCertificate {
  /** Decimal. */
  readonly serialNumber: string;
  readonly certificate: X509Certificate;
  /** Public key, base64 of its SubjectPublicKeyInfo. */
  readonly keyFingerprint: string;
}

const POLL_INTERVAL_MS = 100;
/** A limit, not an expectation: each step takes seconds, the renewal a minute, and more on a busy machine. */
const DEFAULT_TIMEOUT_SECONDS = 300;

/** Polls until `check` returns something other than a text, which is the reason why it is not done yet. @throws CheckFailed */
async function waitFor<T>(seconds: number, what: string, check: () => Promise<T | string>): Promise<T> {
  let reason = '';
  const look = async (): Promise<{ readonly found: T } | undefined> => {
    const found = await check().catch((error: unknown) => {
      // It may be busy for a moment.
      if (isFailure(error, 'kubernetes/unreachable')) return error.message;
      throw error;
    });
    if (typeof found !== 'string') return { found };
    reason = found;
    return undefined;
  };
  const result = await poll(look, { timeoutMs: seconds * 1000, intervalMs: POLL_INTERVAL_MS });
  if (result !== undefined) return result.found;
  throw new CheckFailed(`${what}: not within ${seconds} s; ${reason}`);
}

/** Waits for a certificate in the Secret with another serial number than `previous`. @throws CheckFailed */
export async function waitForCertificate(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  previous?: string,
  seconds = DEFAULT_TIMEOUT_SECONDS,
): Promise<InstalledCertificate> {
  return await waitFor(seconds, `certificate in Secret ${cluster.namespace}/${cluster.secretName}`, async () => {
    const secret = await readTlsSecret(kubernetes, { namespace: cluster.namespace, name: cluster.secretName });
    if (secret.kind === 'missing') return 'the Secret does not exist';
    if (secret.kind === 'broken') throw new CheckFailed(`the Secret is broken: ${secret.message}`);
    if (secret.certificate.serialNumber === previous) return `it still contains ${previous}`;
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

/** Checks the status of a certificate at the CA. @throws CheckFailed */
export async function expectStatusAtCa(
  stack: RunningStack,
  serialNumber: string,
  expected: 'Valid' | 'Revoked',
): Promise<void> {
  const { Status: status } = await stack.acme.statusOf(serialNumber);
  if (status !== expected) throw new CheckFailed(`the CA has ${serialNumber} as ${status}, expected ${expected}`);
}

/** Waits until DNS has no TXT record for any of the cluster's names. @throws CheckFailed */
export async function waitForTxtRemoval(
  stack: RunningStack,
  cluster: SampleCluster,
  seconds = DEFAULT_TIMEOUT_SECONDS,
): Promise<void> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([stack.dns.address]);
  for (const name of cluster.dnsNames) {
    const record = `_acme-challenge.${name.replace(/^\*\./, '')}`;
    await waitFor(seconds, `removal of TXT ${record}`, async () => {
      try {
        return `DNS still has ${JSON.stringify(await resolver.resolveTxt(record))}`;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (code === 'ENOTFOUND' || code === 'ENODATA') return {};
        return `DNS does not respond (${code})`;
      }
    });
  }
}

/** Waits until the CertificateRequest is Ready with this serial number. @throws CheckFailed */
export async function waitForReadyRequest(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  serialNumber: string,
  seconds = DEFAULT_TIMEOUT_SECONDS,
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

/** Waits until the ClusterDeployment, the request, the Secret and the staging Secret are removed. @throws CheckFailed */
export async function waitForObjectRemoval(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  seconds = DEFAULT_TIMEOUT_SECONDS,
): Promise<void> {
  const gone = [
    [CLUSTER_DEPLOYMENTS, cluster.name],
    [CERTIFICATE_REQUESTS, cluster.requestName],
    [SECRETS, cluster.secretName],
    [SECRETS, `${cluster.requestName}-staging`],
  ] as const;
  for (const [resource, name] of gone) {
    await waitFor(seconds, `${resource.kind} ${cluster.namespace}/${name} removed`, async () => {
      const found = await getIfKnown(kubernetes, resource, { namespace: cluster.namespace, name });
      return found === undefined ? {} : `it exists, with finalizers ${JSON.stringify(found.metadata.finalizers ?? [])}`;
    });
  }
}
