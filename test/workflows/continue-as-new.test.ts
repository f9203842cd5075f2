/** A run continues as new after each renewal. A message at that instant takes effect, once. */
import { ServiceError, type WorkflowHandle } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import type { RenewalWindow } from '../../src/certificates/renewal-window.ts';
import { queryClusterStatus } from '../../src/cli/cluster-workflow.ts';
import { type StartUpdate, sendUpdate } from '../../src/cli/send-update.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import {
  certificateRevoked,
  clusterObserved,
  dependencyChanged,
  type RenewedCertificate,
  renew,
  renewalWindowChanged,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { GRPC_STATUS } from '../../src/temporal/grpc-status.ts';
import type { clusterCertificates } from '../../workflows/cluster-certificates.ts';
import { ContinueAsNewHook } from '../support/temporal/continue-as-new-hook.ts';
import { UNHANDLED_COMMAND } from '../support/temporal/history-events.ts';
import { chainStats, type RunStats } from '../support/temporal/run-stats.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const DAY_MS = 86_400_000;

interface Moment {
  readonly what: string;
  /** Milliseconds after the last workflow task was sent to the server; undefined: before it arrives. */
  readonly after?: number;
  /**
   * A client queries the status while the renewal is reported, the last thing a run does. The server then closes the task
   * with the report in it and opens another one, in which the run ends.
   */
  readonly asked?: true;
}

const MOMENTS: readonly Moment[] = [
  { what: 'in the task that ends the run' },
  { what: 'in such a task that a question has brought about', asked: true },
  { what: 'as the run has ended', after: 5 },
  { what: 'as the next run begins', after: 60 },
];

/** Enough for a query to be pending whenever a task starts. */
const ASKERS = 3;

const withHarness = useWorkflowHarness();

/** A cluster with its first certificate. */
async function served(harness: WorkflowHarness): Promise<{
  readonly view: ClusterView;
  readonly handle: WorkflowHandle<typeof clusterCertificates>;
  readonly runs: () => Promise<readonly RunStats[]>;
}> {
  const view = clusterView();
  const workflowId = clusterWorkflowId(view.identity);
  const { signaledRunId } = await harness.start(view);
  await untilReady(harness, view);
  return {
    view,
    // The handle of the start is bound to the first run.
    handle: harness.env.client.workflow.getHandle(workflowId),
    runs: () => chainStats(harness.env.client, workflowId, signaledRunId),
  };
}

/** No task failed, except those that the server repeats because a message arrived during them. */
function expectNoTaskFailed(runs: readonly RunStats[]): void {
  const causes = runs.flatMap(({ taskFailures }) => taskFailures);
  expect(causes.filter((cause) => cause !== UNHANDLED_COMMAND)).toEqual([]);
}

/** A renewal window in the past. */
function windowThatIsOver({ certId = '' }: CertificateFacts): RenewalWindow {
  return {
    certId,
    start: new Date(Date.now() - 2 * DAY_MS).toISOString(),
    end: new Date(Date.now() - DAY_MS).toISOString(),
  };
}

/** Queries the status all the time. @returns what stops it. */
function ask(harness: WorkflowHarness, view: ClusterView): () => Promise<void> {
  const over = new AbortController();
  const askers = Array.from({ length: ASKERS }, async () => {
    // Between two runs, a query may fail.
    while (!over.signal.aborted) await harness.status(view).catch(() => undefined);
  });
  return async () => {
    over.abort();
    await Promise.all(askers);
  };
}

describe('a signal that arrives', () => {
  test.concurrent.each(MOMENTS)('$what takes effect, once', async (moment) => {
    const ends = new ContinueAsNewHook();
    await withHarness(
      async (harness) => {
        const { view, handle, runs } = await served(harness);
        const renamed = { ...view, bundles: [bundleView('primary', 'api.c2.example.com')] };
        // Each causes one more renewal, which ends the run in which the next signal is sent.
        const signals: ((renewed: CertificateFacts) => Promise<void>)[] = [
          () => handle.signal(clusterObserved, renamed),
          ({ serialNumber }) => handle.signal(certificateRevoked, { bundleName: 'primary', serialNumber }),
          (renewed) =>
            handle.signal(renewalWindowChanged, { bundleName: 'primary', window: windowThatIsOver(renewed) }),
          (renewed) => {
            const foreign = { ...renewed, dnsNames: ['foreign.example.com'] };
            harness.doubles.secrets.set('primary-cert', { kind: 'valid', certificate: foreign });
            return handle.signal(dependencyChanged, {
              what: 'Another program wrote another certificate into the Secret.',
            });
          },
          () => handle.signal(clusterObserved, { ...renamed, deleting: true }),
        ];
        const stopAsking = moment.asked === true ? ask(harness, view) : undefined;
        ends.onContinueAsNew(moment.after, async (renewed) => await signals.shift()?.(renewed));
        await handle.executeUpdate(renew, { args: [{}] });
        await eventually(
          'every signal had its effect',
          async () => ({ left: signals.length, status: (await handle.describe()).status.name }),
          ({ left, status }) => left === 0 && status === 'COMPLETED',
        );
        await ends.allAnswered();
        await stopAsking?.();

        expect(await handle.result()).toMatchObject({ finalizerRemoved: true, bundles: [{ bundleName: 'primary' }] });
        // The first, the requested one, and one for each signal but the last.
        expect(harness.doubles.issued.map(({ dnsNames }) => dnsNames[0])).toEqual([
          'api.c1.example.com',
          'api.c1.example.com',
          'api.c2.example.com',
          'api.c2.example.com',
          'api.c2.example.com',
          'api.c2.example.com',
        ]);
        expect(harness.doubles.countOf('placeOrder')).toBe(6);
        expectNoTaskFailed(await runs());
      },
      [ends],
    );
  });
});

describe('a renew update', () => {
  test.concurrent.each(MOMENTS)('$what is answered', async (moment) => {
    const ends = new ContinueAsNewHook();
    await withHarness(
      async (harness) => {
        const { view, handle, runs } = await served(harness);
        const answers: RenewedCertificate[] = [];
        const stopAsking = moment.asked === true ? ask(harness, view) : undefined;
        ends.onContinueAsNew(moment.after, async ({ serialNumber }) => {
          // After the first renewal only.
          if (serialNumber === '1001') answers.push(...(await handle.executeUpdate(renew, { args: [{}] })));
        });
        answers.unshift(...(await handle.executeUpdate(renew, { args: [{}] })));
        await eventually(
          'asked again',
          () => Promise.resolve(answers.length),
          (count) => count === 2,
        );
        await ends.allAnswered();
        await stopAsking?.();
        // A request before the renewal under way is recorded is answered by that one; a later request, by another.
        const [first, second] = answers.map(({ certificate }) => certificate.serialNumber);
        expect(first).toBe('1001');
        expect(['1001', '1002']).toContain(second);
        expect(harness.doubles.countOf('placeOrder')).toBe(second === '1001' ? 2 : 3);
        expectNoTaskFailed(await runs());
      },
      [ends],
    );
  });
});

test('a cluster of several bundles continues as new after each renewal, while the others sleep', async () => {
  await withHarness(async (harness) => {
    const view = clusterView({ bundles: [bundleView('primary'), bundleView('other', 'other.example.com')] });
    const { signaledRunId } = await harness.start(view);
    for (const { name } of view.bundles) await untilReady(harness, view, name);
    const workflowId = clusterWorkflowId(view.identity);
    const handle = harness.env.client.workflow.getHandle(workflowId);
    for (let renewals = 1; renewals <= 4; renewals += 1) {
      await handle.executeUpdate(renew, { args: [{ bundleName: 'primary' }] });
      await eventually(
        `a fresh run after ${renewals} renewals`,
        () => chainStats(harness.env.client, workflowId, signaledRunId),
        (runs) => runs.length === renewals + 1,
      );
    }
    expect(harness.doubles.issued).toHaveLength(6);
  });
});

describe('a renewal of a command', () => {
  type Start = StartUpdate<readonly RenewedCertificate[]>;

  /** @param first of the attempts to send it; the others send it. */
  async function send(harness: WorkflowHarness, first: (next: () => Promise<void>, start: Start) => Start) {
    const { handle } = await served(harness);
    const start: Start = (run, sent) => run.startUpdate(renew, { ...sent, args: [{}] });
    const { runId } = await handle.describe();
    const next = async (): Promise<void> => {
      await eventually(
        'the next run',
        () => handle.describe(),
        (described) => described.runId !== runId,
      );
    };
    const attempts = [first(next, start)];
    const { client } = harness.env;
    return await sendUpdate(
      client,
      handle.workflowId,
      (run, sent) => (attempts.shift() ?? start)(run, sent),
      () => queryClusterStatus(client, handle),
    );
  }

  test.concurrent('whose acceptance was lost is carried out once, although its run has ended', async () => {
    await withHarness(async (harness) => {
      const cause = Object.assign(new Error('lost'), {
        code: GRPC_STATUS.DEADLINE_EXCEEDED,
        details: '',
        metadata: {},
      });
      const renewed = await send(harness, (next, start) => async (run, sent) => {
        await (await start(run, sent)).result();
        await next();
        throw new ServiceError('lost', { cause });
      });
      expect(renewed).toHaveLength(1);
      expect(harness.doubles.countOf('placeOrder')).toBe(2);
    });
  });

  test.concurrent('whose run has ended before it is sent is carried out by the next run', async () => {
    await withHarness(async (harness) => {
      const renewed = await send(harness, (next, start) => async (run, sent) => {
        await (await start(run, { ...sent, updateId: 'of-another-command' })).result();
        await next();
        return await start(run, sent);
      });
      expect(renewed).toHaveLength(1);
      expect(harness.doubles.countOf('placeOrder')).toBe(3);
    });
  });
});
