/** An end that is held up: what an operator can do about it, what wakes it, and that its history stays bounded. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { FailureCode } from '../../src/failures/failure.ts';
import {
  clusterObserved,
  clusterWorkflowId,
  type DecommissionLedger,
  release,
  surroundingsChanged,
} from '../../workflows/contract.ts';
import { type ActivityDoubles, typedFailure } from '../support/activity-doubles.ts';
import { eventually } from '../support/eventually.ts';
import { startEnvironment } from '../support/temporal-server.ts';
import { bundleView, clusterView } from '../support/views.ts';
import { type Lab, untilReady, useLab } from '../support/workflow-lab.ts';

/** A run is advised to continue as new once it has as many events as this. */
const LONGEST_RUN = 120;

const withLab = useLab(() => startEnvironment({ longestRun: LONGEST_RUN }));

function refuse(doubles: ActivityDoubles, activity: 'removeBundle' | 'releaseCluster', code: FailureCode): void {
  doubles.when(activity, () => Promise.reject(typedFailure(code, `${activity} is refused`)));
}

/** What is in this Secret cannot be revoked; what is in others can. @returns what puts that right. */
function refuseRevocationIn(doubles: ActivityDoubles, secretName: string): () => void {
  doubles.when('revokeCertificates', async (input) => {
    if (input.secretName === secretName) throw typedFailure('acme/accountUnknown', 'the CA does not know the account');
    return [{ serialNumber: '1', outcome: 'revoked', message: 'revoked' }];
  });
  return () => doubles.when('revokeCertificates', undefined);
}

async function deleted(lab: Lab, view: ClusterView) {
  await lab.start(view);
  for (const { name } of view.bundles) await untilReady(lab, view, name);
  // Through all its runs.
  const handle = lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
  await handle.signal(clusterObserved, { ...view, deleting: true });
  return handle;
}

async function untilAsked(lab: Lab, activity: 'revokeCertificates' | 'releaseCluster', times: number): Promise<void> {
  await eventually(
    `${activity} was asked ${times} times`,
    async () => lab.doubles.countOf(activity),
    (count) => count >= times,
  );
}

function runOf(lab: Lab, view: ClusterView) {
  return lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).describe();
}

/** One more try, that fails. */
async function wake(lab: Lab, view: ClusterView): Promise<void> {
  const asked = lab.doubles.countOf('revokeCertificates');
  const handle = lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
  await handle.signal(surroundingsChanged, { what: 'something' });
  await untilAsked(lab, 'revokeCertificates', asked + 1);
}

/** Wakes it until its run has been continued as new. */
async function untilContinued(lab: Lab, view: ClusterView): Promise<void> {
  const before = await runOf(lab, view);
  for (let round = 1; (await runOf(lab, view)).runId === before.runId; round += 1) {
    if (round > LONGEST_RUN) throw new Error(`still the same run after having been woken ${round} times`);
    await wake(lab, view);
  }
}

/** Wakes it until its run is this many events away from being continued as new. */
async function untilNearlyContinued(lab: Lab, view: ClusterView, eventsLeft: number): Promise<void> {
  while ((await runOf(lab, view)).historyLength < LONGEST_RUN - eventsLeft) await wake(lab, view);
}

describe('an operator who lets a cluster go', () => {
  test('is told what was left, after what could be done was done', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [bundleView('primary'), bundleView('stuck', 'stuck.example.com')] });
      refuseRevocationIn(lab.doubles, 'stuck-cert');
      const handle = await deleted(lab, view);
      await eventually(
        'one is held up, the other is done',
        () => lab.status(view),
        ({ bundles }) => bundles['stuck']?.failure !== undefined && bundles['primary']?.ended !== undefined,
      );
      const { left, finalizer } = await handle.executeUpdate(release);
      expect(finalizer).toBe('released');
      expect(left).toMatchObject([{ code: 'acme/accountUnknown', message: 'the CA does not know the account' }]);
      const ledger = (await handle.result()) as DecommissionLedger;
      expect(ledger.finalizerReleased).toBe(true);
      const [primary, stuck] = ledger.bundles;
      expect(primary).toMatchObject({ revocations: [{ outcome: 'revoked' }], removed: ['primary-cert'] });
      expect(primary).not.toHaveProperty('problem');
      expect(stuck).toMatchObject({ revocations: [], removed: ['stuck-cert'], problem: left[0], problems: left });
      expect(lab.doubles.calls.at(-1)).toMatchObject({ activity: 'releaseCluster', args: [view.identity, left] });
    });
  });

  test('is told that nothing was left where all could be done at the last try', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const correct = refuseRevocationIn(lab.doubles, 'primary-cert');
      const handle = await deleted(lab, view);
      await eventually(
        'it is held up',
        () => lab.status(view),
        ({ bundles }) => bundles['primary']?.failure !== undefined,
      );
      correct();
      expect(await handle.executeUpdate(release)).toEqual({
        of: 'cluster',
        bundleNames: ['primary'],
        left: [],
        finalizer: 'released',
      });
      expect(await handle.result()).toMatchObject({ bundles: [{ revocations: [{ outcome: 'revoked' }] }] });
    });
  });

  test.each([
    ['its bundles', [bundleView()]],
    ['no bundles', []],
  ])('is told that the finalizer is held up all the same, and by what: %s', async (_, bundles) => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles });
      refuse(lab.doubles, 'releaseCluster', 'kubernetes/forbidden');
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'releaseCluster', 1);
      expect(await handle.executeUpdate(release)).toMatchObject({
        of: 'cluster',
        left: [],
        finalizer: 'heldUp',
        heldUpBy: { code: 'kubernetes/forbidden', message: 'releaseCluster is refused' },
      });
      expect(lab.doubles.countOf('releaseCluster')).toBeGreaterThan(1);
      lab.doubles.when('releaseCluster', undefined);
      expect(await handle.executeUpdate(release)).toMatchObject({ left: [], finalizer: 'released' });
      expect(await handle.result()).toMatchObject({ finalizerReleased: true });
    });
  });

  test('is answered about the try that was under way only where that one succeeds', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [] });
      let goOn = (): void => undefined;
      const under = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      lab.doubles.when('releaseCluster', async () => {
        await under;
        throw typedFailure('kubernetes/forbidden', 'refused before the order');
      });
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'releaseCluster', 1);
      const ordered = await handle.startUpdate(release, { waitForStage: 'ACCEPTED' });
      lab.doubles.when('releaseCluster', undefined);
      goOn();
      expect(await ordered.result()).toEqual({ of: 'cluster', bundleNames: [], left: [], finalizer: 'released' });
      expect(lab.doubles.countOf('releaseCluster')).toBe(2);
    });
  });

  test.each([
    ['a cluster that lives', clusterView()],
    ['a cluster that is paused', clusterView({ paused: true })],
  ])('is refused where nothing is being deleted: %s', async (_, view) => {
    await withLab(async (lab) => {
      await lab.start(view);
      const handle = lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
      const refusal = await handle.executeUpdate(release).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
      expect((refusal as WorkflowUpdateFailedError).cause).toMatchObject({
        type: 'release/refused',
        message:
          'ns-c1/c1 is not being deleted, and no bundle that was taken out of it is left: there is nothing to let go.',
      });
    });
  });

  test('does not set off a loop where the finalizer itself cannot be released and the run is long', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const correct = refuseRevocationIn(lab.doubles, 'primary-cert');
      refuse(lab.doubles, 'releaseCluster', 'kubernetes/forbidden');
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'revokeCertificates', 1);
      // The release brings the run above its bound.
      await untilNearlyContinued(lab, view, 15);
      const { left } = await handle.executeUpdate(release);
      expect(left).toHaveLength(1);
      correct();
      await untilAsked(lab, 'releaseCluster', 1);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(lab.doubles.countOf('releaseCluster')).toBeLessThan(4);
      lab.doubles.when('releaseCluster', undefined);
      await handle.signal(surroundingsChanged, { what: 'the right is there' });
      expect(await handle.result()).toMatchObject({ finalizerReleased: true, bundles: [{ problems: left }] });
    });
  });
});

describe('an end that goes on for long', () => {
  test('is suspended and continued in a fresh run, where it left off and by the same rules', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [bundleView('primary'), bundleView('stuck', 'stuck.example.com')] });
      const correct = refuseRevocationIn(lab.doubles, 'stuck-cert');
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'revokeCertificates', 2);
      const { ending } = await lab.status(view);
      await untilContinued(lab, view);
      const status = await lab.status(view);
      expect(status.decommissioning).toBe(true);
      expect(status.ending).toEqual(ending);
      expect(status.bundles['primary']?.ended?.revocations).toHaveLength(1);
      // Advised once more, it does so once more.
      await untilContinued(lab, view);
      expect(lab.doubles.countOf('decommissionRules')).toBe(1);
      correct();
      await handle.signal(surroundingsChanged, { what: 'the account is there' });
      const ledger = (await handle.result()) as DecommissionLedger;
      expect(ledger.bundles.map(({ bundleName, removed }) => [bundleName, removed])).toEqual([
        ['primary', ['primary-cert']],
        ['stuck', ['stuck-cert']],
      ]);
      expect(lab.doubles.calls.filter(({ activity }) => activity === 'removeBundle')).toHaveLength(2);
    });
  });

  test('loses no release that arrives while it is being continued', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      refuseRevocationIn(lab.doubles, 'primary-cert');
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'revokeCertificates', 1);
      await untilContinued(lab, view);
      await untilNearlyContinued(lab, view, 8);
      const [{ left }] = await Promise.all([
        handle.executeUpdate(release),
        handle.signal(surroundingsChanged, { what: 'the last straw' }),
      ]);
      expect(left).toMatchObject([{ code: 'acme/accountUnknown' }]);
      expect(await handle.result()).toMatchObject({ finalizerReleased: true, bundles: [{ problems: left }] });
    });
  });
});

test('a finalizer that cannot be released is told with its reason, and tried again as soon as something changes', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    refuse(lab.doubles, 'releaseCluster', 'kubernetes/forbidden');
    const handle = await deleted(lab, view);
    const { bundles } = await eventually(
      'it is told',
      () => lab.status(view),
      (status) => status.bundles['primary']?.failure?.code === 'kubernetes/forbidden',
    );
    expect(bundles['primary']).toMatchObject({
      state: 'Decommissioning',
      message: expect.stringMatching(
        /^The finalizer is not released yet\. releaseCluster is refused.*the next one is at/,
      ) as string,
    });
    await eventually(
      'an Event says so',
      async () => lab.doubles.reports.at(-1)?.event,
      (event) => event?.reason === 'DecommissionBlocked' && event.message === 'releaseCluster is refused',
    );
    lab.doubles.when('releaseCluster', undefined);
    await handle.signal(surroundingsChanged, { what: 'the right is there' });
    expect(await handle.result()).toMatchObject({ finalizerReleased: true });
    expect(lab.doubles.countOf('revokeCertificates')).toBe(1);
  });
});
