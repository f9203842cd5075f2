import { describe, expect, test } from 'vitest';
import { plannedRenewal, type RenewalPolicy } from '../../../src/certificates/planned-renewal.ts';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { Replanning } from '../../../src/controller/replan.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { RENEWAL_POLICY_ANNOTATION } from '../../../src/kubernetes/objects/renewal-policy-annotation.ts';
import { certificateWithLifetime, DAY_MS } from '../../support/certificates/certificate-facts.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

interface Certificate {
  readonly ageDays: number;
  /** The policy that planned the renewal of the status. */
  readonly plannedBy: RenewalPolicy;
  readonly annotation?: string;
  readonly nextAttempt?: string;
}

/** A controller with a cluster of one such certificate for each, and the clusters that it signals. */
function start(renewalPolicy: RenewalPolicy | undefined, certificates: readonly Certificate[]) {
  const cache = new ControllerCache();
  for (const [index, { ageDays, plannedBy, annotation, nextAttempt }] of certificates.entries()) {
    const namespace = `n${index}`;
    const identity = { managementCluster: 'hive', namespace, name: 'c', uid: `u${index}` };
    const view = clusterView({ identity, finalizer: true, bundles: [bundleView('api', 'api.example.com')] });
    cache.setCluster(toCachedCluster(undefined, view));
    const notBefore = new Date(Math.floor((Date.now() - ageDays * DAY_MS) / 1000) * 1000).toISOString();
    const { notAfter, certId } = certificateWithLifetime(90 * DAY_MS, { notBefore });
    const terms = { jitterKey: `${namespace}/c-api`, now: 0, policy: plannedBy };
    const renewalTime = new Date(plannedRenewal({ notBefore, notAfter, certId }, terms).at).toISOString();
    cache.requests.set(
      observeRequest({
        metadata: {
          namespace,
          name: 'c-api',
          uid: `r${index}`,
          ownerReferences: [
            { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c', uid: `u${index}` },
          ],
          ...(annotation !== undefined && { annotations: { [RENEWAL_POLICY_ANNOTATION]: annotation } }),
        },
        status: { issued: true, serialNumber: '1', notBefore, notAfter, certID: certId, renewalTime, nextAttempt },
      }),
    );
  }
  const signalled: string[] = [];
  const reevaluate = async ({ namespace }: { readonly namespace: string }, what: string): Promise<void> =>
    void signalled.push(`${namespace}: ${what}`);
  const context = { cache, settings: { renewalPolicy }, signaller: { reevaluate } };
  return { signalled, replanning: new Replanning(context as never) };
}

describe('a certificate whose renewal another policy planned', () => {
  test.each([
    ['ari', 'renew-before'],
    ['renew-before', 'ari'],
  ] as const)('is planned anew by %s, once while that lasts', async (policy, plannedBy) => {
    const { signalled, replanning } = start(policy, [{ ageDays: 10, plannedBy }]);
    expect(await replanning.run()).toBe(1);
    expect(await replanning.run()).toBe(0);
    expect(signalled).toEqual([`n0: The renewal policy of c-api is ${policy} now.`]);
  });

  test('keeps its plan if the default would have renewed it already: a fleet is not renewed at once', async () => {
    const { replanning } = start('renew-before', [{ ageDays: 50, plannedBy: 'ari' }]);
    expect(await replanning.run()).toBe(0);
  });

  test('is left alone while an attempt is planned', async () => {
    const { replanning } = start('ari', [
      { ageDays: 10, plannedBy: 'renew-before', nextAttempt: '2100-01-01T00:00:00Z' },
    ]);
    expect(await replanning.run()).toBe(0);
  });
});

test('a certificate that the present policy planned is left alone, by the setting, the default or the annotation', async () => {
  for (const [setting, certificate] of [
    [undefined, { plannedBy: 'renew-before' }],
    ['ari', { plannedBy: 'ari' }],
    ['ari', { plannedBy: 'renew-before', annotation: 'renew-before' }],
    ['ari', { plannedBy: 'ari', annotation: 'invalid' }],
  ] as const) {
    expect(await start(setting, [{ ageDays: 10, ...certificate }]).replanning.run()).toBe(0);
  }
});

test('a large fleet is planned anew over several resyncs', async () => {
  const { replanning } = start(
    'ari',
    Array.from({ length: 700 }, () => ({ ageDays: 10, plannedBy: 'renew-before' as const })),
  );
  expect([await replanning.run(), await replanning.run(), await replanning.run()]).toEqual([500, 200, 0]);
});
