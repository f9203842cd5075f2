import { UnexpectedError } from '@temporalio/worker';
import type { Workflow, WorkflowCreateOptions, WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import { expect, test, vi } from 'vitest';
import { WatchedWorkflowCreator, type WorkflowThreads } from '../../../src/worker/watched-workflows.ts';

const CHECK_INTERVAL_MS = 5;

/** Of a run; the fakes read nothing else. */
function runOf(runId: string): WorkflowCreateOptions {
  return { info: { runId, workflowId: 'w', workflowType: 'clusterCertificates' } } as WorkflowCreateOptions;
}

/** A thread whose requests never return until it is ended. @param share of a core that it gets; 0: it never runs. */
function stuckThread(share = 1) {
  let cpuMs = 0;
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  const creator: WorkflowCreator = { createWorkflow: () => ended.promise, destroy: () => ended.promise };
  return {
    creator,
    cpuMs: async () => {
      if (share === 0) return await new Promise<number>(() => undefined);
      cpuMs += share * CHECK_INTERVAL_MS;
      return cpuMs;
    },
    terminate: async () => ended.reject(new UnexpectedError('Workflow Worker Thread exited', undefined)),
  };
}

function watched(threads: Partial<WorkflowThreads>): Promise<WatchedWorkflowCreator> {
  return WatchedWorkflowCreator.start({
    startUnlimited: async () => stuckThread(),
    startLimited: () => Promise.reject(new Error('unused')),
    onStuck: () => undefined,
    checkIntervalMs: CHECK_INTERVAL_MS,
    ...threads,
  });
}

test('a thread that is stuck at the end of the worker is ended, and no other one starts', async () => {
  let started = 0;
  const workflows = await watched({
    startUnlimited: async () => {
      started += 1;
      return stuckThread();
    },
  });
  await workflows.destroy();
  expect(started).toBe(1);
});

test('what an activation has for sinks is asked for behind it, and once', async () => {
  const asked: string[] = [];
  const activation = Promise.withResolvers<object>();
  const workflow = {
    activate: () => {
      asked.push('activate');
      return activation.promise;
    },
    getAndResetSinkCalls: async () => [{ fnName: `call ${asked.push('sink calls')}` }],
    dispose: async () => undefined,
  } as unknown as Workflow;
  const creator: WorkflowCreator = { createWorkflow: async () => workflow, destroy: async () => undefined };
  const workflows = await watched({ startUnlimited: async () => ({ ...stuckThread(), creator }) });
  const created = await workflows.createWorkflow(runOf('1'));
  const completion = created.activate({} as never);
  expect(asked).toEqual(['activate', 'sink calls']);
  activation.resolve({});
  await completion;
  expect(await created.getAndResetSinkCalls()).toEqual([{ fnName: 'call 2' }]);
  expect(await created.getAndResetSinkCalls()).toEqual([{ fnName: 'call 3' }]);
  await workflows.destroy();
});

test('the thread ends with the last worker that shares it, and is not shared after that', async () => {
  let ended = 0;
  const creator: WorkflowCreator = {
    createWorkflow: () => Promise.reject(new Error('unused')),
    destroy: async () => void (ended += 1),
  };
  const workflows = await watched({ startUnlimited: async () => ({ ...stuckThread(), creator }) });
  const shared = workflows.share();
  await workflows.destroy();
  expect(ended).toBe(0);
  await shared?.destroy();
  expect(ended).toBe(1);
  expect(workflows.share()).toBeUndefined();
});

test('at the end of the worker, a stuck thread is ended within two checks; nothing is said where no workflow is under way', async () => {
  vi.useFakeTimers();
  try {
    const stuck: unknown[] = [];
    const workflows = await watched({ checkIntervalMs: 2_000, onStuck: (underWay) => stuck.push(underWay) });
    let isEnded = false;
    const ending = (async () => {
      await workflows.destroy();
      isEnded = true;
    })();
    await vi.advanceTimersByTimeAsync(3_999);
    expect(isEnded).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await ending;
    expect(stuck).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  ['a whole core', 1, 6],
  ['more than half a core', 0.7, 6],
  ['a quarter of a core', 0.25, 12],
  ['a twentieth of a core', 0.05, 52],
  ['no core, or waits for what does not come', 0, 61],
])('a thread that gets %s counts as stuck after a time in which it could have answered', async (_, share, checks) => {
  vi.useFakeTimers();
  try {
    const workflows = await watched({ startUnlimited: async () => stuckThread(share) });
    let isEnded = false;
    const creating = workflows.createWorkflow(runOf('1')).catch(() => {
      isEnded = true;
    });
    await vi.advanceTimersByTimeAsync(checks * CHECK_INTERVAL_MS - 1);
    expect(isEnded).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isEnded).toBe(true);
    await creating;
    const ending = workflows.destroy();
    await vi.advanceTimersByTimeAsync(2 * CHECK_INTERVAL_MS);
    await ending;
  } finally {
    vi.useRealTimers();
  }
});

test('an answer begins the time anew, also for a reading of the CPU time that comes after it', async () => {
  vi.useFakeTimers();
  try {
    const answers: (() => void)[] = [];
    const readings: ((cpuMs: number) => void)[] = [];
    let isEnded = false;
    const workflows = await watched({
      startUnlimited: async () => ({
        creator: {
          createWorkflow: () => new Promise((resolve) => void answers.push(() => resolve({} as never))),
          destroy: async () => undefined,
        },
        cpuMs: () => new Promise((resolve) => void readings.push(resolve)),
        terminate: async () => {
          isEnded = true;
        },
      }),
    });
    const creating = [workflows.createWorkflow(runOf('1')), workflows.createWorkflow(runOf('2'))];
    await vi.advanceTimersByTimeAsync(8 * CHECK_INTERVAL_MS);
    answers.shift()?.();
    await creating[0];
    for (const [index, resolve] of readings.splice(0).entries()) resolve(index * CHECK_INTERVAL_MS);
    await vi.advanceTimersByTimeAsync(20 * CHECK_INTERVAL_MS);
    expect(isEnded).toBe(false);
    answers.shift()?.();
    await Promise.all(creating);
    await workflows.destroy();
  } finally {
    vi.useRealTimers();
  }
});

test('the worker ends where no thread can be started in place of a stuck one', async () => {
  let started = 0;
  const workflows = await watched({
    startUnlimited: async () => {
      started += 1;
      if (started > 1) throw new Error('no memory');
      return stuckThread();
    },
  });
  await expect(workflows.createWorkflow(runOf('1'))).rejects.toThrow('The thread of the workflows was ended');
  await expect(workflows.createWorkflow(runOf('2'))).rejects.toThrow(UnexpectedError);
  await workflows.destroy();
});

test('the thread with a limit is ended with the others, of which one is stuck', async () => {
  let isLimitedEnded = false;
  const workflows = await watched({
    startLimited: async () => ({
      createWorkflow: async () => ({}) as Awaited<ReturnType<WorkflowCreator['createWorkflow']>>,
      destroy: async () => {
        isLimitedEnded = true;
      },
    }),
  });
  await expect(workflows.createWorkflow(runOf('1'))).rejects.toThrow('The thread of the workflows was ended');
  await workflows.createWorkflow(runOf('1'));
  await workflows.destroy();
  expect(isLimitedEnded).toBe(true);
});

test('the worker ends where no thread with a limit can be started', async () => {
  const workflows = await watched({});
  await expect(workflows.createWorkflow(runOf('1'))).rejects.toThrow('The thread of the workflows was ended');
  await expect(workflows.createWorkflow(runOf('1'))).rejects.toThrow(UnexpectedError);
  await workflows.destroy();
});
