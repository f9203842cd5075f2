/** A certificate that a fallback CA has issued. */
import { expect, test } from 'vitest';
import type { PlaceOrderInput } from '../../src/contract/activities/acme.ts';
import { dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const FALLBACK = 'fallback-ca.test';
const WHY = 'ca.test has failed since noon.';

const withHarness = useWorkflowHarness();

/** As `placeOrder` decides while the first CA fails, or does not. */
function orderFrom({ doubles }: WorkflowHarness, caHost: string): void {
  doubles.override('placeOrder', () =>
    Promise.resolve({
      orderUrl: `https://${caHost}/order/${doubles.countOf('placeOrder')}`,
      expires: '',
      caHost,
      challenges: [],
      ...(caHost === FALLBACK && { failover: WHY }),
    }),
  );
}

const orders = ({ doubles }: WorkflowHarness) =>
  doubles.calls.filter(({ activity }) => activity === 'placeOrder').map(({ input }) => input as PlaceOrderInput);

test('is kept until its renewal, which is ordered from the first CA as a new certificate', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    doubles.fallbackCaHosts = [FALLBACK];
    orderFrom(harness, FALLBACK);
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    const bundle = async () => (await harness.status(view)).bundles['primary'];
    expect((await bundle())?.caHost).toBe(FALLBACK);
    const note = `It is from the fallback CA ${FALLBACK}; its renewal is ordered from ca.test again.`;
    expect((await bundle())?.message).toContain(note);
    const events = () => doubles.reports.flatMap(({ event }) => (event === undefined ? [] : [event.message]));
    expect(events().join('\n')).toContain(`It is from the fallback CA ${FALLBACK}: ${WHY}`);

    orderFrom(harness, 'ca.test');
    const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
    const before = doubles.countOf('applyCertificateRequest');
    await handle.signal(dependencyChanged, { what: 'a test' });
    await eventually(
      'evaluated',
      async () => doubles.countOf('applyCertificateRequest'),
      (count) => count > before,
    );
    await untilReady(harness, view);
    expect(orders(harness)).toHaveLength(1);
    expect((await bundle())?.message).toContain(note);

    await handle.executeUpdate(renew, { args: [{}] });
    await eventually(
      'renewed',
      async () => (await bundle())?.caHost,
      (caHost) => caHost === 'ca.test',
    );
    const [, renewal] = orders(harness);
    expect(renewal).toMatchObject({ caHost: 'ca.test' });
    expect(renewal?.replaces).toBeUndefined();
    expect(renewal?.renewal).toBeUndefined();
    expect((await bundle())?.message).not.toContain('fallback');
  });
});

test('counts for the limit of its own CA: where that is used up, the order says so', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    doubles.fallbackCaHosts = [FALLBACK];
    orderFrom(harness, FALLBACK);
    const view = clusterView();
    await harness.start(view);
    const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
    for (let count = 1; count <= 5; count += 1) {
      await eventually(
        `certificate ${count}`,
        async () => doubles.issued.length,
        (found) => found === count,
      );
      await untilReady(harness, view);
      if (count < 5) await handle.executeUpdate(renew, { args: [{}] });
    }
    expect(orders(harness).map(({ limitedCas }) => limitedCas)).toEqual(Array(5).fill(undefined));
    await handle.executeUpdate(renew, { args: [{}] });
    await eventually(
      'the sixth order',
      async () => orders(harness).length,
      (count) => count === 6,
    );
    expect(orders(harness).at(-1)?.limitedCas).toEqual([FALLBACK]);
  });
});
