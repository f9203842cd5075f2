import type { ConnectionLike } from '@temporalio/client';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../../src/contract/search-attributes.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { Logger } from '../../../src/observability/logging.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import {
  checkRetention,
  registerSearchAttributes,
  waitForSearchAttributes,
} from '../../../src/worker/namespace-setup.ts';

const logger = pino({ level: 'silent' });
const { signal } = new AbortController();

/** A frontend that answers lists in turn: with a gRPC status, or 0 for success. */
function frontend(codes: readonly number[]): { readonly connection: ConnectionLike; readonly queries: string[] } {
  const queries: string[] = [];
  const listWorkflowExecutions = ({ query }: { readonly query: string }): Promise<object> => {
    const code = codes[queries.push(query) - 1] ?? 0;
    return code === 0 ? Promise.resolve({}) : Promise.reject(Object.assign(new Error(`status ${code}`), { code }));
  };
  const connection = { withDeadline, workflowService: { listWorkflowExecutions } };
  return { connection: connection as unknown as ConnectionLike, queries };
}

const withDeadline = (_deadline: number, ask: () => unknown) => ask();
const refused = (code: number) => () => Promise.reject(Object.assign(new Error(`status ${code}`), { code }));

/** A frontend whose requests about the namespace are answered with these gRPC statuses. */
function namespaceFrontend(statuses: { readonly list?: number; readonly add?: number; readonly describe?: number }) {
  const answer = (code: number | undefined, answered: object) =>
    code === undefined ? async () => answered : refused(code);
  return {
    withDeadline,
    operatorService: {
      listSearchAttributes: answer(statuses.list, { customAttributes: {} }),
      addSearchAttributes: answer(statuses.add, {}),
    },
    workflowService: { describeNamespace: answer(statuses.describe, {}) },
  } as unknown as ConnectionLike;
}

const { NOT_FOUND, UNAVAILABLE, INVALID_ARGUMENT, PERMISSION_DENIED } = GRPC_STATUS;

test('a worker waits until the frontend accepts every search attribute', async () => {
  const { connection, queries } = frontend([3, 3]);
  await waitForSearchAttributes(connection, 'certman', logger, signal);
  expect(queries).toHaveLength(3);
  for (const { name } of SEARCH_ATTRIBUTES) expect(queries[0]).toContain(name);
});

test('a worker that waits for the frontend says so once, and a worker that need not wait says nothing', async () => {
  const log = { info: vi.fn() };
  await waitForSearchAttributes(frontend([]).connection, 'certman', log as unknown as Logger, signal);
  expect(log.info).not.toHaveBeenCalled();
  await waitForSearchAttributes(frontend([3, 3]).connection, 'certman', log as unknown as Logger, signal);
  expect(log.info).toHaveBeenCalledExactlyOnceWith(
    { namespace: 'certman', atMostSeconds: 90 },
    expect.stringContaining('waiting'),
  );
});

test('a worker gives the wait up after a while, and says what follows from that', async () => {
  const { connection, queries } = frontend(Array.from({ length: 1_000 }, () => 3));
  const log = { info: vi.fn(), warn: vi.fn() };
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    log.info.mockImplementation(() => vi.advanceTimersByTime(91_000));
    await waitForSearchAttributes(connection, 'certman', log as unknown as Logger, signal);
  } finally {
    vi.useRealTimers();
  }
  expect(queries).toHaveLength(2);
  expect(log.warn).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ namespace: 'certman' }),
    expect.stringContaining('resync'),
  );
});

test('a visibility store that is down or forbidden does not hold up the start', async () => {
  for (const code of [7, 14]) {
    const { connection, queries } = frontend([code]);
    await waitForSearchAttributes(connection, 'certman', logger, signal);
    expect(queries).toHaveLength(1);
  }
});

test('a worker that is stopped waits no longer', async () => {
  const ended = new AbortController();
  const { connection } = frontend(Array.from({ length: 10_000 }, () => 3));
  const waiting = waitForSearchAttributes(connection, 'certman', logger, ended.signal);
  ended.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
});

test('a worker that is stopped does not wait for a frontend that does not answer', async () => {
  const ended = new AbortController();
  const asked = Promise.withResolvers<void>();
  const listWorkflowExecutions = () => {
    asked.resolve();
    return Promise.withResolvers<never>().promise;
  };
  const connection = { withDeadline, workflowService: { listWorkflowExecutions } } as unknown as ConnectionLike;
  const waiting = waitForSearchAttributes(connection, 'certman', logger, ended.signal);
  await asked.promise;
  ended.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
});

test.each([
  ['a store that cannot be read, by which a server finds no namespace', { list: NOT_FOUND }],
  ['the same while the namespace cannot be described either', { list: NOT_FOUND, describe: UNAVAILABLE }],
  ['a server that is not available', { list: UNAVAILABLE }],
  ['a server that cannot register them now', { add: UNAVAILABLE }],
])('search attributes can be registered after %s', async (_what, statuses) => {
  const registering = registerSearchAttributes(namespaceFrontend(statuses), 'certman', logger);
  await expect(registering).rejects.not.toBeInstanceOf(CertmanError);
});

test.each([
  ['there is no such namespace', { list: NOT_FOUND, describe: NOT_FOUND }, 'temporal operator namespace create'],
  [
    'the namespace may not be described',
    { list: NOT_FOUND, describe: PERMISSION_DENIED },
    'temporal operator namespace create',
  ],
  ['there is no right to register them', { add: PERMISSION_DENIED }, 'temporal operator search-attribute create'],
  ['there is no room for them', { add: INVALID_ARGUMENT }, 'temporal operator search-attribute list'],
])('a start ends with what to do where %s', async (_what, statuses, command) => {
  const error = await registerSearchAttributes(namespaceFrontend(statuses), 'certman', logger).catch(
    (failure) => failure,
  );
  expect(error).toBeInstanceOf(CertmanError);
  expect((error as CertmanError).info).toMatchObject({
    code: 'configuration/invalid',
    remedy: expect.stringContaining(command),
  });
});

test('a retention that Temporal does not say holds up no start', async () => {
  const log = { warn: vi.fn() };
  await checkRetention(namespaceFrontend({ describe: UNAVAILABLE }), 'certman', log as unknown as Logger);
  expect(log.warn).toHaveBeenCalledOnce();
});
