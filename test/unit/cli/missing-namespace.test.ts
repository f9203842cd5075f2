/** A namespace that does not exist, and one that a server does not find because it cannot read its store. */
import type { ServerHttp2Stream } from 'node:http2';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { temporalChecks } from '../../../src/cli/doctor/temporal-checks.ts';
import { isUnavailable, openTemporal, withTemporal } from '../../../src/cli/temporal-client.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import { saysNoNamespace } from '../../../src/temporal/namespace.ts';
import { type FakeFrontend, refuse, respond, startFakeFrontend } from '../../support/faults/fake-frontend.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const { NOT_FOUND, PERMISSION_DENIED } = GRPC_STATUS;
const { NamespaceNotFoundFailure } = proto.temporal.api.errordetails.v1;
const noNamespace = refuse(NOT_FOUND, 'Namespace fleet is not found.', {
  NamespaceNotFoundFailure: NamespaceNotFoundFailure.encode({ namespace: 'fleet' }).finish(),
});

let frontend: FakeFrontend | undefined;
beforeEach(() => vi.stubEnv('TEMPORAL_NAMESPACE', 'fleet'));
afterEach(async () => {
  vi.unstubAllEnvs();
  await frontend?.close();
});

/** Every request finds no namespace, but of that which the store answers. */
async function startWith(describe: (stream: ServerHttp2Stream) => void): Promise<void> {
  frontend = await startFakeFrontend({
    ListWorkflowExecutions: noNamespace,
    DescribeWorkflowExecution: noNamespace,
    DescribeTaskQueue: noNamespace,
    DescribeNamespace: describe,
  });
  vi.stubEnv('TEMPORAL_ADDRESS', frontend.address);
}

const REQUESTS: readonly (readonly [name: string, ask: (client: Client) => Promise<unknown>])[] = [
  ['a list', (client) => client.workflow.list({ query: '' })[Symbol.asyncIterator]().next()],
  ['a workflow', (client) => client.workflow.getHandle('w').describe()],
  ['a task queue', (client) => client.workflowService.describeTaskQueue({ namespace: 'fleet' })],
];

test.each(REQUESTS)('a command that asks for %s: there is no such namespace', async (_what, ask) => {
  await startWith(noNamespace);
  await expect(withTemporal(ask)).rejects.toMatchObject({
    code: 'configuration/invalid',
    message: 'There is no Temporal namespace fleet (setting TEMPORAL_NAMESPACE).',
    info: { remedy: expect.stringContaining('temporal operator namespace create --namespace fleet') as string },
  });
});

test.each(REQUESTS)('a command that asks for %s: the store cannot be read', async (_what, ask) => {
  await startWith(respond(new Uint8Array()));
  const failure = await withTemporal(ask).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'temporal/unreachable',
    message: expect.stringContaining('which exists: it cannot read its store') as string,
    info: { remedy: expect.stringContaining('in half a minute') as string },
  });
  expect(isUnavailable(failure), 'status and explain then show what the API server has').toBe(true);
});

/** The checks of Temporal, with the answer of that of the namespace. */
async function checkedNamespace() {
  const closers: (() => Promise<void>)[] = [];
  const { namespace } = temporalChecks({
    configuration: undefined,
    connection: {},
    preInstall: false,
    cluster: undefined,
    openTemporal,
    onClose: (close) => closers.push(close),
  });
  const result = await namespace.result(WAIT_TIMEOUT_MS);
  await Promise.all(closers.map((close) => close()));
  return result;
}

test.each([
  ['there is none', noNamespace, 'There is no Temporal namespace fleet (setting TEMPORAL_NAMESPACE).'],
  ['it may not be described', refuse(PERMISSION_DENIED, 'no right'), 'Temporal refused it: no right (gRPC code 7).'],
])('the doctor says of a namespace what its store says: %s', async (_what, describe, message) => {
  await startWith(describe);
  expect(await checkedNamespace()).toMatchObject({
    id: 'temporal-namespace',
    status: 'failed',
    message: expect.stringContaining(message) as string,
  });
});

test('another thing that is not found is no namespace', async () => {
  frontend = await startFakeFrontend({ DescribeTaskQueue: refuse(NOT_FOUND, 'workflow not found for ID: w') });
  vi.stubEnv('TEMPORAL_ADDRESS', frontend.address);
  const { connection } = await openTemporal();
  const failure = await connection.workflowService.describeTaskQueue({}).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: NOT_FOUND });
  expect(saysNoNamespace(failure)).toBe(false);
  await connection.close();
});
