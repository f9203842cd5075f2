import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChangePoller } from '../../../../src/dns/zone-changes/change-poller.ts';

const { signal } = new AbortController();

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Polls a change when the poller says so. @returns at which age it was polled, in seconds; INSYNC after `liveAfterMs`. */
async function pollsOf(poller: ChangePoller, id: string, liveAfterMs: number, sentAt = Date.now()): Promise<number[]> {
  const polls: number[] = [];
  const poll = (): Promise<boolean> => {
    const age = Date.now() - sentAt;
    polls.push(age / 1_000);
    return Promise.resolve(age >= liveAfterMs);
  };
  for (;;) {
    const next = await poller.waitLive({ id, sentAt }, poll, signal);
    if (next === undefined) return polls;
    vi.setSystemTime(next);
  }
}

describe('polling a change', () => {
  it('begins when changes are usually INSYNC, and goes on after a third of the time that it has taken', async () => {
    expect(await pollsOf(new ChangePoller(30_000), 'C1', 50_000)).toEqual([30, 40, expect.closeTo(53.3, 1)]);
  });

  it('does not occupy the worker until then', async () => {
    const sentAt = Date.now();
    const poll = vi.fn<() => Promise<boolean>>();
    const next = await new ChangePoller(30_000).waitLive({ id: 'C1', sentAt }, poll, signal);
    expect([next, poll.mock.calls]).toEqual([new Date(sentAt + 30_000), []]);
  });

  it('goes on where another worker sent the change', async () => {
    expect(await pollsOf(new ChangePoller(30_000), 'C1', 40_000, Date.now() - 40_000)).toEqual([40]);
  });

  it.each([5, 40, 70])('learns that changes take %d s: one poll or two for each, none too late', async (seconds) => {
    const poller = new ChangePoller(30_000);
    for (let n = 0; n < 250; n++) await pollsOf(poller, `C${n}`, seconds * 1_000);
    const polls: number[] = [];
    for (let n = 0; n < 50; n++) {
      const ages = await pollsOf(poller, `D${n}`, seconds * 1_000);
      polls.push(ages.length);
      expect(ages.at(-1)).toBeLessThan(seconds * 1.5);
    }
    expect(polls.reduce((sum, count) => sum + count, 0) / polls.length).toBeLessThan(1.5);
  });

  it('asks once for all who wait for a change', async () => {
    const poller = new ChangePoller(1);
    const poll = vi.fn<() => Promise<boolean>>().mockResolvedValue(true);
    const change = { id: 'C1', sentAt: Date.now() - 10 };
    const waiting = await Promise.all([1, 2, 3].map(() => poller.waitLive(change, poll, signal)));
    expect([waiting, poll.mock.calls.length]).toEqual([[undefined, undefined, undefined], 1]);
  });
});
