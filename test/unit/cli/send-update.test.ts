/** Updates of commands: when they are sent, for how long their result is waited for, and what is said where it does not come. */
import {
  ApplicationFailure,
  type Client,
  ServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type WorkflowUpdateHandle,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sendUpdate } from '../../../src/cli/send-update.ts';
import { TimeBound } from '../../../src/cli/time-bound.ts';
import { TimedRequest } from '../../../src/cli/timed-request.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';

vi.mock('node:timers/promises', async (original) => ({
  ...(await original<object>()),
  setTimeout: () => Promise.resolve(),
}));

vi.mock('../../../src/payloads/data-converter.ts', () => ({ withTolerantMemos: (one: Client) => one }));

const client = {
  withDeadline: (_deadline: number, call: () => unknown) => call(),
  workflow: {
    getHandle: () => ({
      describe: () => Promise.resolve({ runId: 'run' }),
      getUpdateHandle: () => ({ result: () => Promise.reject(ended) }),
    }),
  },
} as unknown as Client;
const ended = new WorkflowNotFoundError('workflow execution already completed', 'w', undefined);
const noWorker = new CertmanError({ code: 'temporal/unreachable', message: 'No worker answers.', remedy: 'doctor' });

let sent: string[];
let asked: number;

beforeEach(() => {
  sent = [];
  asked = 0;
});

/** As the SDK has them: temporal-connection.test.ts. */
function failed(code: number): Error {
  const cause = Object.assign(new Error('grpc'), { code, details: '', metadata: {} });
  return code === GRPC_STATUS.DEADLINE_EXCEEDED
    ? new WorkflowUpdateRPCTimeoutOrCancelledError('Deadline exceeded', { cause })
    : new ServiceError('Workflow Update Poll failed', { cause });
}

const late = (): Promise<never> => Promise.reject(failed(GRPC_STATUS.DEADLINE_EXCEEDED));

/** @param sends what becomes of sending it, once each, before it is accepted. @param polls then, of polls; the last repeats. */
function send(
  { sends = [], polls }: { sends?: (() => Promise<never>)[]; polls: (() => Promise<string>)[] },
  answers: () => Promise<unknown> = () => Promise.resolve((asked += 1)),
  request?: TimedRequest,
): Promise<string> {
  const start = async (_run: unknown, { updateId }: { readonly updateId: string }) => {
    sent.push(updateId);
    await sends.shift()?.();
    const result = () => (polls.length > 1 ? polls.shift() : polls[0])?.() ?? late();
    return { result } as WorkflowUpdateHandle<string>;
  };
  return sendUpdate(client, 'w', start, answers, {
    remedyFor: (type) => (type === 'renew/waits' ? 'wait' : undefined),
    request,
  });
}

test('is not sent where no worker answers: it would be carried out later', async () => {
  await expect(send({ polls: [] }, () => Promise.reject(noWorker))).rejects.toBe(noWorker);
  expect(sent).toEqual([]);
});

test('is sent again under the same id until a worker has accepted it', async () => {
  expect(await send({ sends: [late, late], polls: [() => Promise.resolve('done')] })).toBe('done');
  expect(sent).toHaveLength(3);
  expect(new Set(sent).size).toBe(1);
});

test('that no worker has accepted may still be carried out', async () => {
  const unavailable = () => Promise.reject(failed(14));
  await expect(send({ sends: [unavailable], polls: [] })).rejects.toMatchObject({
    code: 'temporal/unreachable',
    message: 'Temporal does not respond. The request was sent, and may still be carried out.',
  });
});

test('is not sent to a workflow that has ended meanwhile', async () => {
  await expect(send({ sends: [() => Promise.reject(ended)], polls: [] })).rejects.toBe(ended);
  expect(sent).toHaveLength(1);
});

test('has its result waited for as long as a worker answers', async () => {
  const polls = [...Array.from({ length: 4 }, () => late), () => Promise.resolve('done')];
  expect(await send({ polls })).toBe('done');
  expect(asked).toBe(5);
});

test('goes on without the command where no worker answers any more', async () => {
  const answers = () => ((asked += 1) === 1 ? Promise.resolve() : Promise.reject(noWorker));
  await expect(send({ polls: [late] }, answers)).rejects.toMatchObject({
    code: 'temporal/unreachable',
    message: 'No worker answers. The workflow has accepted the request, and goes on with it.',
    info: { remedy: 'doctor' },
  });
});

test('is given up where its result cannot be read although workers answer', async () => {
  await expect(send({ polls: [() => Promise.reject(failed(14))] })).rejects.toMatchObject({
    message: 'Temporal does not respond. The workflow has accepted the request, and goes on with it.',
  });
  expect(asked).toBe(5);
});

test('that the workflow refuses fails with its message, and with what to do', async () => {
  const refused = (type: string) => () =>
    Promise.reject(new WorkflowUpdateFailedError('failed', ApplicationFailure.create({ type, message: 'It waits.' })));
  await expect(send({ polls: [refused('renew/waits')] })).rejects.toMatchObject({
    code: 'internal/unexpected',
    message: 'It waits.',
    info: { remedy: 'wait' },
  });
});

describe('within the time of --timeout', () => {
  const OVER = 1_800_000;
  let request: TimedRequest;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    request = new TimedRequest(TimeBound.of('30m'), 'certman explain ns/c1');
  });
  afterEach(() => void vi.useRealTimers());

  const pass = (): void => void vi.setSystemTime(Date.now() + OVER);
  const lateAndOver = (): Promise<never> => {
    pass();
    return late();
  };

  test('is not sent once it is over', async () => {
    pass();
    await expect(request.run(() => send({ polls: [] }, undefined, request))).rejects.toMatchObject({
      message: 'Nothing was requested: the time of --timeout (30m) is over.',
    });
    expect(sent).toEqual([]);
  });

  test('that no worker has accepted may still be carried out', async () => {
    await expect(
      request.run(() => send({ sends: [lateAndOver], polls: [] }, undefined, request)),
    ).rejects.toMatchObject({
      code: 'temporal/unreachable',
      message: expect.stringMatching(
        /^No worker .*\. The request was sent, and may still be carried out: the time of --timeout \(30m\) is over\.$/,
      ) as string,
      info: { remedy: 'See whether it is: certman explain ns/c1' },
    });
    expect(sent).toHaveLength(1);
  });

  test('goes on without the command once it is accepted', async () => {
    await expect(request.run(() => send({ polls: [late, lateAndOver] }, undefined, request))).rejects.toMatchObject({
      code: 'internal/unexpected',
      message: 'The time of --timeout (30m) is over. The workflow has accepted the request, and goes on with it.',
      info: { remedy: 'See what becomes of it: certman explain ns/c1' },
    });
    expect(asked, 'no worker is asked once it is over').toBe(2);
  });

  test('a refusal is shown as it is, however late', async () => {
    const refused = () => {
      pass();
      const cause = ApplicationFailure.create({ type: 'renew/waits', message: 'It waits.' });
      return Promise.reject(new WorkflowUpdateFailedError('failed', cause));
    };
    await expect(request.run(() => send({ polls: [refused] }, undefined, request))).rejects.toMatchObject({
      message: 'It waits.',
    });
  });

  test('a poll for the result ends with it', async () => {
    const deadlines: number[] = [];
    vi.spyOn(client, 'withDeadline').mockImplementation((deadline, call) => {
      deadlines.push(Number(deadline));
      return call();
    });
    vi.setSystemTime(Date.now() + OVER - 20_000);
    expect(await send({ polls: [() => Promise.resolve('done')] }, undefined, request)).toBe('done');
    expect(deadlines.at(-1)).toBe(request.bound?.until);
    vi.restoreAllMocks();
  });
});
