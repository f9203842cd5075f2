/** The demo's checks for tests: the same looks, waited for with the patience of tests. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CheckFailed,
  waitForCertificate as certificateInSecretWithin,
  type InstalledCertificate,
  waitForTxtRemoval as noTxtLeftWithin,
  waitForObjectRemoval as nothingLeftWithin,
  waitForReadyRequest as requestIsReadyWithin,
} from '../../../local/demo/checks.ts';
import type { SampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import type { RunningStack } from '../../../local/stack/stack.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from '../vitest/timeouts.ts';

export { expectStatusAtCa, type InstalledCertificate } from '../../../local/demo/checks.ts';

const POLL_INTERVAL_MS = 100;

/**
 * Polls until a look returns something else than a text, which says what is wrong so far. Fails once that no longer changes,
 * or has changed for too long.
 */
export async function waitFor<T>(what: string, look: () => Promise<T | string>): Promise<T> {
  let objection = '';
  const start = performance.now();
  let since = start;
  for (;;) {
    const found = await look();
    if (typeof found !== 'string') return found;
    if (found !== objection) since = performance.now();
    objection = found;
    const now = performance.now();
    if (now - since > WAIT_TIMEOUT_MS || now - start > 2 * WAIT_TIMEOUT_MS) {
      throw new CheckFailed(`${what}: not within ${Math.round((now - start) / 1000)} s; ${objection}`);
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

/** The certificate in the Secret, once it is there and another than `previous`. */
export function waitForCertificate(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  previous?: string,
): Promise<InstalledCertificate> {
  return certificateInSecretWithin(kubernetes, cluster, previous, WAIT_TIMEOUT_SECONDS);
}

/** Waits until the CertificateRequest is Ready with this serial number. */
export function waitForReadyRequest(
  kubernetes: KubernetesApi,
  cluster: SampleCluster,
  serialNumber: string,
): Promise<void> {
  return requestIsReadyWithin(kubernetes, cluster, serialNumber, WAIT_TIMEOUT_SECONDS);
}

/** Waits until DNS answers with no TXT record of any name. */
export function waitForTxtRemoval(stack: RunningStack, cluster: SampleCluster): Promise<void> {
  return noTxtLeftWithin(stack, cluster, WAIT_TIMEOUT_SECONDS);
}

/** Waits until the ClusterDeployment, the request, the Secret and the staging Secret are gone. */
export function waitForObjectRemoval(kubernetes: KubernetesApi, cluster: SampleCluster): Promise<void> {
  return nothingLeftWithin(kubernetes, cluster, WAIT_TIMEOUT_SECONDS);
}
