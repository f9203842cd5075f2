/** A status that the API server refuses is told elsewhere, apart from what it would have said. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { type BundleRecord, clusterObserved } from '../../workflows/contract.ts';
import { typedFailure } from '../support/activity-doubles.ts';
import { eventually } from '../support/eventually.ts';
import { clusterView } from '../support/views.ts';
import { type Lab, useLab } from '../support/workflow-lab.ts';

const withLab = useLab();

function until(lab: Lab, view: ClusterView, what: string, holds: (record: BundleRecord) => boolean) {
  return eventually(
    what,
    async () => (await lab.status(view)).bundles['primary'],
    (record) => record !== undefined && holds(record),
  );
}

test('a status that is refused again and again is told once, without being taken into what is said, until it is written', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const limit = new Date(Date.now() + 3_600_000);
    lab.doubles.when('placeOrder', () => Promise.reject(typedFailure('acme/rateLimited', 'too many orders', limit)));
    let refusals = 0;
    lab.doubles.when('reportStatus', ({ report }) => {
      lab.doubles.reports.push(report);
      refusals += 1;
      return Promise.reject(typedFailure('kubernetes/forbidden', `refusal ${refusals}`));
    });
    const handle = await lab.start(view);
    await until(lab, view, 'refused', ({ unwritten }) => unwritten === 'refusal 1');
    // The same is to be told again once the pause is over.
    await handle.signal(clusterObserved, { ...view, paused: true });
    await until(lab, view, 'paused', ({ state, unwritten }) => state === 'Paused' && unwritten === 'refusal 2');
    await handle.signal(clusterObserved, view);
    const record = await until(lab, view, 'refused again', ({ unwritten }) => unwritten === 'refusal 3');
    expect(record?.message).toContain('too many orders');
    expect(record?.message).not.toContain('refusal');
    expect(JSON.stringify(lab.doubles.reports)).not.toContain('refusal');

    lab.doubles.when('reportStatus', undefined);
    await handle.signal(clusterObserved, { ...view, paused: true });
    await until(lab, view, 'written', ({ state, unwritten }) => state === 'Paused' && unwritten === undefined);
  });
});
