import { expect, test, vi } from 'vitest';
import { ChangePoller } from '../../../../src/dns/route53/change-poller.ts';

const { signal } = new AbortController();

test.each([1, 2, 333])('polls a change every %d ms until it is INSYNC', async (pollIntervalMs) => {
  const poll = vi.fn<() => Promise<boolean>>().mockResolvedValueOnce(false).mockResolvedValue(true);
  const poller = new ChangePoller(pollIntervalMs);
  expect(await poller.waitInSync('C1', poll, signal)).toBe(true);
  expect(poll).toHaveBeenCalledTimes(2);
});
