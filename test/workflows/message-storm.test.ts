import { type WorkflowHandle, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { type CertificateIssuanceInput } from '../../src/contract/certificate-issuance.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../../src/contract/ids.ts';
import type { clusterCertificates } from '../../workflows/cluster-certificates.ts';
import { ContinueAsNewHook } from '../support/temporal/continue-as-new-hook.ts';
import { UNHANDLED_COMMAND } from '../support/temporal/history-events.ts';
import { chainStats } from '../support/temporal/run-stats.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { MessageStorm } from '../support/workflows/message-storm.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

/** Renewed by its timer after three seconds, so that runs end whatever the messages are. */
const LIFETIME_DAYS = 6 / 86_400;
const MIN_SECONDS_TO_RENEWAL = 1;
const STORMS = 8;

const withHarness = useWorkflowHarness();

/** The reason of an order, from its workflow's input. */
async function reasonOf(harness: WorkflowHarness, view: ClusterView, order: number): Promise<string> {
  const workflowId = issuanceWorkflowId(view.identity, 'primary', order);
  const { events } = await harness.env.client.workflow.getHandle(workflowId).fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  if (payload === undefined) throw new Error(`order ${order} was started without an input`);
  return defaultPayloadConverter.fromPayload<CertificateIssuanceInput>(payload).reason;
}

function refusalOf(answer: PromiseSettledResult<unknown>): string | undefined {
  if (answer.status === 'fulfilled') return undefined;
  const { reason } = answer as { readonly reason: unknown };
  if (!(reason instanceof WorkflowUpdateFailedError && reason.cause instanceof ApplicationFailure)) throw reason;
  return reason.cause.type ?? 'a refusal without a type';
}

test('storms of messages as runs end: every renew update is answered, the last view applies, nothing is ordered without a reason', async () => {
  const ends = new ContinueAsNewHook();
  await withHarness(
    async (harness) => {
      harness.doubles.lifetimeDays = LIFETIME_DAYS;
      const view = clusterView({ bundles: [bundleView('primary', 'api.c1.example.com')] });
      const begin = Date.now();
      const { signaledRunId } = await harness.start(view);
      await untilReady(harness, view);
      const workflowId = clusterWorkflowId(view.identity);
      const handle: WorkflowHandle<typeof clusterCertificates> = harness.env.client.workflow.getHandle(workflowId);

      const storm = new MessageStorm(handle, view);
      let storms = 0;
      const breakOut = async (certificate: CertificateFacts): Promise<void> => {
        storms += 1;
        // Alternately before and after the end of a run.
        ends.onContinueAsNew(storms % 2 === 0 ? undefined : 20, breakOut);
        if (storms <= STORMS) await storm.send(certificate);
      };
      ends.onContinueAsNew(undefined, breakOut);
      await eventually(
        'the storms are over',
        () => Promise.resolve(storms),
        (count) => count > STORMS,
      );
      await ends.allAnswered();

      const [wanted] = storm.view.bundles;
      const names = wanted?.names.kind === 'valid' ? wanted.names.dnsNames : [];
      const status = await eventually(
        'all is quiet',
        () => harness.status(view),
        ({ bundles }) =>
          bundles['primary']?.state === 'Ready' && bundles['primary'].certificate?.dnsNames[0] === names[0],
      );
      expect(status.cluster).toEqual(storm.view);

      const refusals = storm.renewals.flatMap((answer) => refusalOf(answer) ?? []);
      expect(storm.renewals).toHaveLength(2 * STORMS);
      // Only the exact-set rate limit may reject so many renewals.
      expect(refusals.filter((type) => type !== 'rateLimit/exactSet')).toEqual([]);

      const orders = status.bundles['primary']?.orders ?? 0;
      const seconds = (Date.now() - begin) / 1_000;
      const reasons = await Promise.all(
        Array.from({ length: orders }, (_, index) => reasonOf(harness, view, index + 1)),
      );
      const count = (reason: RegExp): number => reasons.filter((text) => reason.test(text)).length;
      const [first, asked, lacking, due] = [/no certificate in the Secret/, /operator asked/, /lacks/, /expire/].map(
        count,
      );
      expect(first).toBe(1);
      expect(asked).toBeLessThanOrEqual(storm.renewals.length);
      expect(lacking).toBeLessThanOrEqual(storm.nameChanges);
      expect(due).toBeLessThanOrEqual(seconds / MIN_SECONDS_TO_RENEWAL);
      expect(reasons).toHaveLength([first, asked, lacking, due].reduce<number>((sum, part) => sum + (part ?? 0), 0));

      const runs = await chainStats(harness.env.client, workflowId, signaledRunId);
      expect(runs.length).toBeGreaterThan(STORMS / 2);
      const failures = runs.flatMap(({ taskFailures }) => taskFailures);
      expect(failures.filter((cause) => cause !== UNHANDLED_COMMAND)).toEqual([]);
    },
    [ends],
  );
});
