import { expect, test } from 'vitest';
import type { RenewalPolicy } from '../../../src/certificates/planned-renewal.ts';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { ariPollClient } from '../../../src/controller/ari-poller.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { certificateWithLifetime, DAY_MS } from '../../support/certificates/certificate-facts.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

const CA = 'ca.example';
const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();

/** Polls a certificate whose renewal is planned in ten days, where the CA suggests one in twenty. @returns the signals. */
async function poll(renewalPolicy: RenewalPolicy, renewBeforeDays?: number): Promise<readonly unknown[]> {
  const cache = new ControllerCache();
  const identity = { managementCluster: 'hive', namespace: 'ns', name: 'c', uid: 'u' };
  const view = clusterView({ identity, finalizer: true, bundles: [bundleView('api', 'api.example.com')] });
  cache.setCluster(toCachedCluster(undefined, view));
  const { notBefore, notAfter, certId } = certificateWithLifetime(90 * DAY_MS, { notBefore: inDays(-40) });
  const owner = { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c', uid: 'u' };
  const issued = { issued: true, serialNumber: '1', acmeServer: CA, notBefore, notAfter, certID: certId };
  cache.requests.set(
    observeRequest({
      metadata: { namespace: 'ns', name: 'c-api', uid: 'r', ownerReferences: [owner] },
      spec: { renewBeforeDays },
      status: { ...issued, renewalTime: inDays(10) },
    }),
  );
  const ca = {
    host: CA,
    directory: async () => ({ renewalInfo: `https://${CA}/renewal-info` }),
    get: async () => ({ body: { suggestedWindow: { start: inDays(20), end: inDays(21) } } }),
  };
  const signals: unknown[] = [];
  const client = ariPollClient({
    cache,
    ca: { withClient: (work: (client: object) => unknown) => work(ca) },
    workflows: { signal: async (_cluster: object, _signal: object, argument: unknown) => void signals.push(argument) },
    signaller: { inOrder: (_cluster: object, send: () => Promise<void>) => send().then(() => true) },
    settings: { renewalPolicy, resyncIntervalMs: 1_000 },
    metrics: { ariWindowChanges: { inc: () => undefined } },
    logger: { info: () => undefined, warn: () => undefined },
    signal: new AbortController().signal,
  } as never);
  const found = [...client.changes()].flatMap((key) => client.find(key) ?? []);
  expect(await client.poll(found)).toMatchObject([{ kind: 'answered' }]);
  return signals;
}

test('the first window is signalled where it determines the renewal', async () => {
  expect(await poll('ari')).toMatchObject([{ bundleName: 'api' }]);
});

test.each<[string, RenewalPolicy, number | undefined]>([
  ['by policy renew-before', 'renew-before', undefined],
  ['by the renewBeforeDays of a user, which precede the policy', 'ari', 40],
])('a first window after a renewal that is planned %s is not signalled', async (_what, policy, renewBeforeDays) => {
  expect(await poll(policy, renewBeforeDays)).toEqual([]);
});
