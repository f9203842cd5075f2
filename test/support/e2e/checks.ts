import { CheckFailed } from '../../../local/demo/checks.ts';
import { poll } from '../../../local/stack/poll.ts';
import { WAIT_TIMEOUT_MS } from '../vitest/timeouts.ts';

export {
  expectStatusAtCa,
  type InstalledCertificate,
  waitForCertificate,
  waitForObjectRemoval,
  waitForReadyRequest,
  waitForTxtRemoval,
} from '../../../local/demo/checks.ts';

const POLL_INTERVAL_MS = 100;

/**
 * Polls until `look` returns anything but a string; a string is the reason why the condition does not hold yet. So is an error
 * of what it asks, which may be busy for a moment.
 * @throws CheckFailed of `look`; when the reason stays the same for WAIT_TIMEOUT_MS, or after twice that time.
 */
export async function waitFor<T>(what: string, look: () => Promise<T | string>): Promise<T> {
  let reason = '';
  const start = performance.now();
  let changedAt = start;
  const check = async (): Promise<{ readonly found?: T } | undefined> => {
    const found = await look().catch((error: unknown) => {
      if (error instanceof CheckFailed) throw error;
      return String(error);
    });
    if (typeof found !== 'string') return { found };
    if (found !== reason) changedAt = performance.now();
    reason = found;
    return performance.now() - changedAt > WAIT_TIMEOUT_MS ? {} : undefined;
  };
  const result = await poll(check, { timeoutMs: 2 * WAIT_TIMEOUT_MS, intervalMs: POLL_INTERVAL_MS });
  if (result !== undefined && 'found' in result) return result.found as T;
  throw new CheckFailed(`${what}: not within ${Math.round((performance.now() - start) / 1000)} s; ${reason}`);
}
