/** Revocations that an operator requests of the workflow of a cluster. */
import { expect, test } from 'vitest';
import type { RevokeRequestedInput } from '../../src/contract/activities/acme.ts';
import { clusterObserved, dependencyChanged } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { type RevocationRequest, revocationRequested } from '../../src/contract/revocation-request.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

type View = ReturnType<typeof clusterView>;

async function begun(harness: WorkflowHarness) {
  const view = clusterView();
  await harness.start(view);
  await untilReady(harness, view);
  const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
  const request = (more: Partial<RevocationRequest>) =>
    handle.signal(revocationRequested, {
      bundleName: 'primary',
      serialNumber: '1000',
      reason: 1,
      replaceFirst: true,
      delayMs: 0,
      ...more,
    });
  return { view, handle, request };
}

async function recordOf(harness: WorkflowHarness, view: View) {
  const record = (await harness.status(view)).bundles['primary'];
  if (record === undefined) throw new Error('no record');
  return record;
}

const until = (
  harness: WorkflowHarness,
  view: View,
  what: string,
  holds: (record: Awaited<ReturnType<typeof recordOf>>) => boolean,
) => eventually(what, () => recordOf(harness, view), holds);

const outcomeIn = ({ revocations }: Awaited<ReturnType<typeof recordOf>>, serial = '1000') =>
  revocations?.find(({ serialNumber }) => serialNumber === serial)?.result?.outcome;

test('replaces the certificate in use first, as an urgent order, then revokes it, once', () =>
  withHarness(async (harness) => {
    const { doubles } = harness;
    const { view, request } = await begun(harness);
    await request({});
    await request({});
    const settled = await until(harness, view, 'revoked', (record) => outcomeIn(record) === 'revoked');
    expect(settled.certificate?.serialNumber).toBe('1001');
    expect(doubles.countOf('revokeReplaced')).toBe(1);
    expect(doubles.countOf('revokeRequested')).toBe(0);
    const orders = doubles.calls.filter(({ activity }) => activity === 'placeOrder');
    expect(orders).toHaveLength(2);
    expect(orders[1]?.input).toMatchObject({ urgent: true });
    // The same again: it is settled.
    await request({});
    await harness.env.client.workflow
      .getHandle(clusterWorkflowId(view.identity))
      .signal(dependencyChanged, { what: 'a test' });
    await untilReady(harness, view);
    expect(doubles.countOf('revokeReplaced')).toBe(1);
  }));

test('revokes the one in use at once where that is asked for, shows it, and replaces it then', () =>
  withHarness(async (harness) => {
    const { doubles } = harness;
    const { view, request } = await begun(harness);
    const before: string[] = [];
    doubles.override('revokeRequested', async ({ serialNumber, requestName }: RevokeRequestedInput) => {
      before.push(`${requestName} ${doubles.issued.length}`);
      return await Promise.resolve({ serialNumber, outcome: 'revoked', message: 'revoked' });
    });
    await request({ replaceFirst: false });
    const replaced = await until(harness, view, 'replaced', ({ certificate }) => certificate?.serialNumber === '1001');
    expect(outcomeIn(replaced)).toBe('revoked');
    expect(before).toEqual([`${replaced.requestName} 1`]);
    await harness.untilAsleep(view);
    const conditions = doubles.reports.flatMap((report) => report.conditions);
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Revoked', status: 'True', reason: 'RevokedOnRequest' }),
    );
    expect(doubles.reports.map(({ event }) => event?.reason)).toContain('Revoked');
  }));

test('tries again by the schedule while the CA is away, and says so; a pause revokes nothing', () =>
  withHarness(async (harness) => {
    const { doubles } = harness;
    const { view, handle, request } = await begun(harness);
    doubles.override('revokeRequested', () => Promise.reject(activityFailure('acme/unreachable', 'The CA is away.')));
    await request({ replaceFirst: false });
    const failing = await until(harness, view, 'failing', ({ revocations }) => revocations?.[0]?.retry !== undefined);
    expect(failing.revocations?.[0]?.retry).toMatchObject({ attempts: 1, failure: { message: 'The CA is away.' } });
    expect(failing.state).toBe('Ready');
    await handle.signal(clusterObserved, { ...view, paused: true });
    await until(harness, view, 'paused', ({ state }) => state === 'Paused');
    const attempts = doubles.countOf('revokeRequested');
    // Asked for anew while it is paused: it is due, and waits.
    await request({ replaceFirst: false });
    await until(harness, view, 'asked for anew', ({ revocations }) => revocations?.[0]?.retry === undefined);
    expect(doubles.countOf('revokeRequested')).toBe(attempts);
    doubles.override('revokeRequested', undefined);
    await handle.signal(clusterObserved, view);
    await until(harness, view, 'revoked', (record) => outcomeIn(record) === 'revoked');
  }));

test('of a replaced one waits for a cluster that serves another than the new one; at once waits for none', () =>
  withHarness(async (harness) => {
    const { doubles } = harness;
    const { view, request } = await begun(harness);
    const asked: unknown[] = [];
    doubles.override('revokeReplaced', async ({ certificate: { serialNumber }, unlessStillServed }) => {
      asked.push(unlessStillServed);
      return await Promise.resolve(
        unlessStillServed === true
          ? { outcome: 'stillServed', message: 'It serves another one.' }
          : { serialNumber, outcome: 'revoked', message: 'revoked' },
      );
    });
    await request({ delayMs: 1 });
    const waiting = await until(
      harness,
      view,
      'waiting',
      (record) => record.revocations?.[0]?.stillServed !== undefined,
    );
    const [revocation] = waiting.revocations ?? [];
    expect(revocation).toMatchObject({ stillServed: 'It serves another one.', replaceFirst: true });
    // Half an hour at least after the replacement.
    const { replacedAt = '', revokeAt = '' } = revocation ?? {};
    expect(Date.parse(revokeAt) - Date.parse(replacedAt)).toBeGreaterThanOrEqual(30 * 60_000);
    await request({ replaceFirst: false });
    await until(harness, view, 'revoked', (record) => outcomeIn(record) === 'revoked');
    expect(asked).toEqual([true, undefined]);
  }));

test('replaces one that a person has put back into the Secret once more, and revokes it only then', () =>
  withHarness(async (harness) => {
    const { doubles } = harness;
    const { view, handle, request } = await begun(harness);
    const { secretName } = await recordOf(harness, view);
    const original = doubles.secrets.get(secretName);
    if (original === undefined) throw new Error('no Secret');
    await request({ delayMs: 3_600_000 });
    const replacedAtIn = ({ revocations }: Awaited<ReturnType<typeof recordOf>>) => revocations?.[0]?.replacedAt;
    const first = replacedAtIn(await until(harness, view, 'scheduled', (record) => replacedAtIn(record) !== undefined));
    doubles.secrets.set(secretName, original);
    await handle.signal(dependencyChanged, { what: 'a test' });
    // Its hour begins anew.
    const isAgain = (at: string | undefined) => at !== undefined && at !== first;
    const again = await until(harness, view, 'replaced again', (record) => isAgain(replacedAtIn(record)));
    expect(again.certificate?.serialNumber).toBe('1002');
    expect(outcomeIn(again)).toBeUndefined();
    expect(doubles.countOf('revokeRequested') + doubles.countOf('revokeReplaced')).toBe(0);
  }));

test('goes on where a signal has no shape of a request', () =>
  withHarness(async (harness) => {
    const { view, handle, request } = await begun(harness);
    await handle.signal(revocationRequested.name);
    // The instant of the revocation would be beyond the last one that there is.
    await request({ serialNumber: '7', delayMs: 1e300 });
    await request({});
    const { revocations } = await until(harness, view, 'revoked', (record) => outcomeIn(record) === 'revoked');
    expect(revocations?.map(({ serialNumber }) => serialNumber)).toEqual(['1000']);
  }));

test('of a certificate that the bundle does not have, or the CA does not know, says that it is not revoked', () =>
  withHarness(async (harness) => {
    const { doubles } = harness;
    const { view, request } = await begun(harness);
    doubles.override('revokeRequested', async ({ serialNumber }) =>
      Promise.resolve({ serialNumber, outcome: 'unknownToAccount', message: 'Another account issued it.' }),
    );
    await request({ replaceFirst: false });
    await request({ serialNumber: '5' });
    const record = await until(
      harness,
      view,
      'both',
      (found) => outcomeIn(found) !== undefined && outcomeIn(found, '5') !== undefined,
    );
    expect(outcomeIn(record)).toBe('unknownToAccount');
    expect(outcomeIn(record, '5')).toBe('unknown');
    expect(doubles.countOf('placeOrder')).toBe(1);
    await expect.poll(() => doubles.reports.map(({ event }) => event?.reason)).toContain('NotRevoked');
  }));
