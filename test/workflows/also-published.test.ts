import { expect, test } from 'vitest';
import { renew } from '../../src/contract/cluster-certificates.ts';
import { ALSO_PUBLISHED } from '../../src/contract/patches.ts';
import { renewalWithdrawn } from '../../src/contract/renewal-withdrawal.ts';
import { CertAlso, CertReason } from '../../src/contract/search-attributes.ts';
import { patchesIn } from '../support/temporal/history-events.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { foreignCertificate } from '../support/workflows/foreign-certificate.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

test('lists follow what is requested of a failing cluster, and what another of its bundles waits for', async () => {
  await withHarness(async (harness) => {
    const view = clusterView({ bundles: [bundleView('one'), bundleView('two')] });
    // The first one expires first, and is shown.
    harness.doubles.secrets.set('one-cert', { kind: 'valid', certificate: foreignCertificate(60) });
    harness.doubles.secrets.set('two-cert', { kind: 'valid', certificate: foreignCertificate(70) });
    const handle = await harness.start(view);
    const listed = async () => {
      const { typedSearchAttributes } = await handle.describe();
      return [typedSearchAttributes.get(CertReason), ...(typedSearchAttributes.get(CertAlso) ?? [])];
    };
    const untilListed = (expected: readonly string[]) =>
      eventually(expected.join(), listed, (found) => found.join() === expected.join());
    for (const name of ['one', 'two'])
      await eventually(
        `${name} adopted`,
        () => harness.status(view),
        ({ bundles }) => bundles[name]?.state === 'Ready',
      );
    await untilListed(['Ready']);
    expect(patchesIn(await handle.fetchHistory())).not.toContain(ALSO_PUBLISHED);

    harness.doubles.failOrders('acme/unreachable', 'no answer');
    await handle.executeUpdate(renew, { args: [{ bundleName: 'one' }] }).catch(() => undefined);
    await untilListed(['AcmeUnreachable', 'one: Requested']);
    // Without it, a run that an earlier version has begun would not list it before something changes.
    expect(patchesIn(await handle.fetchHistory())).toContain(ALSO_PUBLISHED);
    await handle.executeUpdate(renew, { args: [{ bundleName: 'two' }] }).catch(() => undefined);
    await untilListed(['AcmeUnreachable', 'one: Requested', 'two: AcmeUnreachable', 'two: Requested']);
    await handle.signal(renewalWithdrawn, { bundleNames: ['two'] });
    await untilListed(['AcmeUnreachable', 'one: Requested']);
  });
});
