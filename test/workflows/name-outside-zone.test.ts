/** A name outside the zone is not ordered; the remedy names the field of the resource that was used. */

import { expect, test } from 'vitest';
import { failureOf } from '../../src/contract/bundle-record.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

test.each<[string, 'CertificateRequest' | undefined, RegExp]>([
  ['ClusterDeployment', undefined, /ClusterDeployment.*base domain/],
  ['CertificateRequest', 'CertificateRequest', /spec\.dnsNames.*spec\.acmeDNSDomain/],
])('a name outside of the zone of a %s', async (_what, kind, advice) => {
  await withHarness(async (harness) => {
    const { identity } = clusterView();
    const view = clusterView({
      identity: { ...identity, ...(kind === undefined ? {} : { kind }) },
      zoneName: 'elsewhere.example.net',
    });
    await harness.start(view);
    const { bundles } = await eventually(
      'it waits',
      () => harness.status(view),
      (status) => status.bundles['primary']?.state === 'Waiting',
    );
    expect(bundles['primary'] && failureOf(bundles['primary'])).toMatchObject({
      code: 'dns/nameOutsideZone',
      remedy: expect.stringMatching(advice) as string,
    });
    expect(harness.doubles.countOf('publishTxtRecords')).toBe(0);
  });
});

test('a name outside of the zone is ordered where a CNAME delegates its record', async () => {
  await withHarness(async (harness) => {
    const view = clusterView({ zoneName: 'elsewhere.example.net' });
    const at = { name: 'c1.acme.example.net', zoneName: 'acme.example.net', challengeZone: true } as const;
    harness.doubles.override('placeOrder', ({ dnsNames }) =>
      Promise.resolve({
        orderUrl: 'https://ca.test/order/1',
        expires: '2099-01-01T00:00:00.000Z',
        caHost: 'ca.test',
        challenges: dnsNames.map((identifier) => ({
          identifier,
          wildcard: false,
          authorizationUrl: `https://ca.test/authz/${identifier}`,
          challengeUrl: `https://ca.test/challenge/${identifier}`,
          record: { name: `_acme-challenge.${identifier}`, value: 'proof', at },
        })),
      }),
    );
    await harness.start(view);
    await eventually(
      'it is Ready',
      () => harness.status(view),
      ({ bundles }) => bundles['primary']?.state === 'Ready',
    );
    const inputs = harness.doubles.calls
      .filter(({ activity }) => activity === 'fulfillOrder')
      .map(({ input }) => JSON.stringify(input));
    expect(inputs).toHaveLength(1);
    for (const input of inputs) expect(input).toContain(JSON.stringify(at));
  });
});
