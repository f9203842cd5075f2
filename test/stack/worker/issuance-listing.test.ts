/** The counts of certificates issued, from a real visibility store. */

import type { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CertNameSet, CertNames, CertReason } from '../../../src/contract/search-attributes.ts';
import { type ClosedIssuance, IssuanceHistory } from '../../../src/observability/issued-counts.ts';
import { listCompletedIssuances } from '../../../src/worker/list-completed-issuances.ts';
import { registerSearchAttributes, waitForSearchAttributes } from '../../../src/worker/namespace-setup.ts';
import { installQuietRuntime } from '../../support/temporal/quiet-runtime.ts';
import { startTemporalServer, type TemporalServer } from '../../support/temporal/temporal-server.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const QUEUE = 'issuances';
const logger = pino({ level: 'silent' });
let temporal: TemporalServer | undefined;
let client: Client;
let close: (() => Promise<void>) | undefined;

beforeAll(async () => {
  installQuietRuntime();
  temporal = await startTemporalServer();
  const native = await NativeConnection.connect({ address: temporal.address });
  await registerSearchAttributes(native, 'default', logger);
  // A second worker that starts at the same time finds them there.
  await registerSearchAttributes(native, 'default', logger);
  await waitForSearchAttributes(native, 'default', logger, new AbortController().signal);
  await native.close();
  ({ client, close } = await temporal.connect());
});

afterAll(async () => {
  await close?.();
  await temporal?.remove();
});

/** An issuance without workflow code: only what visibility stores of it matters. */
async function issuance(
  id: string,
  dnsNames: readonly string[],
  nameSet: string,
  end: 'completed' | 'failed',
  reason = 'SecretMissing',
  queue = QUEUE,
): Promise<void> {
  await client.workflow.start('certificateIssuance', {
    workflowId: id,
    taskQueue: queue,
    typedSearchAttributes: [
      { key: CertNames, value: [...dnsNames] },
      { key: CertNameSet, value: nameSet },
      { key: CertReason, value: reason },
    ],
  });
  const task = await client.connection.withDeadline(Date.now() + WAIT_TIMEOUT_MS, () =>
    client.workflowService.pollWorkflowTaskQueue({
      namespace: 'default',
      taskQueue: { name: queue },
      identity: 'test',
    }),
  );
  // temporal.api.enums.v1.CommandType: 4 completes, 5 fails the workflow.
  const command =
    end === 'completed'
      ? { commandType: 4, completeWorkflowExecutionCommandAttributes: {} }
      : { commandType: 5, failWorkflowExecutionCommandAttributes: { failure: { message: 'no' } } };
  await client.workflowService.respondWorkflowTaskCompleted({
    namespace: 'default',
    taskToken: task.taskToken,
    identity: 'test',
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the enum is in no package that this one depends on
    commands: [command],
  });
}

const signal = new AbortController().signal;

async function listed(): Promise<readonly ClosedIssuance[]> {
  const found: ClosedIssuance[] = [];
  // Pages of two, so that there is more than one.
  for await (const one of listCompletedIssuances(client, QUEUE, 2)(Date.now() - 3_600_000, signal)) found.push(one);
  return found;
}

it('counts issued certificates on every page, and neither failed issuances nor those of other management clusters', async () => {
  const apps = ['api.a.openshiftapps.com', '*.apps.a.openshiftapps.com'];
  for (const id of ['1', '2', '3']) await issuance(`issue/${id}`, apps, 'digest-a', 'completed');
  await issuance('issue/4', ['api.b.openshift.com'], 'digest-b', 'completed');
  await issuance('issue/other', ['api.d.openshift.com'], 'digest-d', 'completed', 'SecretMissing', 'other-queue');
  await issuance('issue/5', ['api.c.openshift.com'], 'digest-c', 'failed');

  const found = await eventually('four in visibility', listed, (all) => all.length === 4);
  expect(new Set(found.map(({ runId }) => runId)).size).toBe(4);
  expect(found.filter(({ nameSet }) => nameSet === 'digest-a').map(({ dnsNames }) => dnsNames)).toEqual([
    apps,
    apps,
    apps,
  ]);

  const history = new IssuanceHistory(listCompletedIssuances(client, QUEUE, 2));
  await history.refresh(Date.now(), signal);
  expect(history.counts(Date.now())).toEqual({
    lastDay: { openshiftCom: 1, openshiftAppsCom: 3 },
    lastWeek: { openshiftCom: 1, openshiftAppsCom: 3 },
    lastDayByReason: { SecretMissing: 4 },
    duplicatesInLastWeek: 2,
  });

  await issuance('issue/6', ['api.b.openshift.com'], 'digest-b', 'completed');
  await issuance('issue/7', ['api.b.openshift.com'], 'digest-b', 'completed', 'RenewalDue');
  await eventually('six in visibility', listed, (all) => all.length === 6);
  await history.refresh(Date.now(), signal);
  expect(history.counts(Date.now())?.duplicatesInLastWeek).toBe(3);
});
