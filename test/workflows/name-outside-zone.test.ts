/** A name that the zone cannot hold is not tried to be proved, and whoever asked for it is told so in the words of what they made. */
import { expect, test } from 'vitest';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withLab = useWorkflowHarness();

test.each<[string, 'CertificateRequest' | undefined, RegExp]>([
  ['ClusterDeployment', undefined, /ClusterDeployment.*base domain/],
  ['CertificateRequest', 'CertificateRequest', /spec\.dnsNames.*spec\.acmeDNSDomain/],
])('a name outside of the zone of a %s', async (_what, kind, advice) => {
  await withLab(async (lab) => {
    const { identity } = clusterView();
    const view = clusterView({
      identity: { ...identity, ...(kind === undefined ? {} : { kind }) },
      zoneName: 'elsewhere.example.net',
    });
    await lab.start(view);
    const { bundles } = await eventually(
      'it says why',
      () => lab.status(view),
      (status) => status.bundles['primary']?.failure !== undefined,
    );
    expect(bundles['primary']?.failure).toMatchObject({
      code: 'dns/nameOutsideZone',
      remedy: expect.stringMatching(advice) as string,
    });
    expect(lab.doubles.countOf('publishTxtRecords')).toBe(0);
  });
});
