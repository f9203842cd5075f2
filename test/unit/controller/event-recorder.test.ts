import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { recordWarning } from '../../../src/controller/event-recorder.ts';
import { CertmanError, type FailureCode } from '../../../src/failures/failure.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';

const CLUSTER = { namespace: 'n', name: 'c1', uid: 'u' };

afterEach(() => void vi.restoreAllMocks());

/** An API server that answers each Event by `answer`. */
function start(answer: (signal: AbortSignal) => Promise<never>) {
  const warnings: object[] = [];
  const stopping = new AbortController();
  let attempts = 0;
  const withSignal = (signal: AbortSignal): KubernetesApi =>
    ({
      withSignal,
      create: () => {
        attempts += 1;
        return answer(signal);
      },
    }) as unknown as KubernetesApi;
  const { signal } = stopping;
  const logger = {
    info: () => undefined,
    warn: (fields: object) => void warnings.push(fields),
    error: () => undefined,
  };
  const record = () =>
    recordWarning({ kubernetes: withSignal(signal), logger, signal }, CLUSTER, 'NotManaged', 'It has no label.');
  return { warnings, stopping, record, attempts: () => attempts };
}

const never = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

const refusal = (code: FailureCode) => () => Promise.reject(new CertmanError({ code, message: 'no' }));

describe('an Event of the controller', () => {
  it('that is never answered is given up within seconds, and logged', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { warnings, record } = start(never);
    const recorded = record();
    await vi.advanceTimersByTimeAsync(5_000);
    await recorded;
    expect(warnings).toEqual([expect.objectContaining({ problem: 'It took longer than 5 s' })]);
  });

  it.each([
    ['kubernetes/forbidden', 1],
    ['kubernetes/unreachable', 4],
  ] as const)('that is refused with %s is logged after %d attempts', async (code, expected) => {
    const { warnings, record, attempts } = start(refusal(code));
    await record();
    expect(attempts()).toBe(expected);
    expect(warnings).toHaveLength(1);
  });

  it('ends with the controller', async () => {
    const { warnings, stopping, record } = start(never);
    const recorded = record();
    stopping.abort(new Error('the worker stops'));
    await expect(recorded).rejects.toThrow('the worker stops');
    expect(warnings).toEqual([]);
  });
});
