/** The demo's checks for tests: the same looks, waited for with the patience of tests. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CheckFailed,
  certificateInSecret as certificateInSecretWithin,
  type InstalledCertificate,
  noTxtLeft as noTxtLeftWithin,
  nothingLeft as nothingLeftWithin,
  requestIsReady as requestIsReadyWithin,
} from '../../local/demo/checks.ts';
import type { SampleCluster } from '../../local/sample-cluster.ts';
import type { RunningStack } from '../../local/stack.ts';
import type { KubernetesApi } from '../../src/kubernetes/kubernetes-api.ts';
import { PATIENCE_MS, PATIENCE_SECONDS } from './patience.ts';

export { type InstalledCertificate, statusAtCa } from '../../local/demo/checks.ts';

const LOOK_AGAIN_MS = 100;

/**
 * Polls until a look returns something else than a text, which says what is wrong so far. Fails once that no longer changes,
 * or has changed for too long.
 */
export async function within<T>(what: string, look: () => Promise<T | string>): Promise<T> {
  let objection = '';
  const start = performance.now();
  let since = start;
  for (;;) {
    const found = await look();
    if (typeof found !== 'string') return found;
    if (found !== objection) since = performance.now();
    objection = found;
    const now = performance.now();
    if (now - since > PATIENCE_MS || now - start > 2 * PATIENCE_MS) {
      throw new CheckFailed(`${what}: not within ${Math.round((now - start) / 1000)} s; ${objection}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/** The certificate in the Secret, once it is there and another than `previous`. */
export function certificateInSecret(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  previous?: string,
): Promise<InstalledCertificate> {
  return certificateInSecretWithin(kubernetes, cluster, previous, PATIENCE_SECONDS);
}

/** Waits until the CertificateRequest is Ready with this serial number. */
export function requestIsReady(kubernetes: KubernetesApi, cluster: SampleCluster, serialNumber: string): Promise<void> {
  return requestIsReadyWithin(kubernetes, cluster, serialNumber, PATIENCE_SECONDS);
}

/** Waits until DNS answers with no TXT record of any name. */
export function noTxtLeft(stack: RunningStack, cluster: SampleCluster): Promise<void> {
  return noTxtLeftWithin(stack, cluster, PATIENCE_SECONDS);
}

/** Waits until the ClusterDeployment, the request, the Secret and the staging Secret are gone. */
export function nothingLeft(kubernetes: KubernetesApi, cluster: SampleCluster): Promise<void> {
  return nothingLeftWithin(kubernetes, cluster, PATIENCE_SECONDS);
}
