/** Orders with a zone each in one AWS account, on a virtual clock: what the parts that share an account's limit come to together. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ZoneAdmission } from '../../../../src/dns/route53/zone-admission.ts';
import { ChangePoller } from '../../../../src/dns/zone-changes/change-poller.ts';
import { RequestRateLimiter } from '../../../../src/dns/zone-changes/rate-limiter.ts';
import { CertmanError } from '../../../../src/failures/failure.ts';

const REQUESTS_PER_SECOND = 5;
const IN_SYNC_MS = 40_000;
/** How late an activity is retried, at most. */
const LATENESS_MS = 2_000;

const { signal } = new AbortController();

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

class Account {
  requests = 0;
  attempts = 0;
  finished = 0;
  finishedAt = 0;
  waiting = 0;
  readonly #limiter = new RequestRateLimiter(REQUESTS_PER_SECOND);
  readonly #admission = new ZoneAdmission(this.#limiter);
  readonly #poller: ChangePoller;

  constructor(poller: ChangePoller) {
    this.#poller = poller;
  }

  /** @returns when it was published, in milliseconds from the start. */
  async order(zone: string): Promise<number> {
    const since = Date.now();
    const sentAt = await this.#attempts(async () => {
      this.#admission.enter(zone, since);
      try {
        await this.#limiter.acquire('change');
      } catch (error) {
        this.#admission.leave(zone);
        throw error;
      }
      this.requests++;
      this.#admission.sent(zone);
      return Date.now();
    });
    const poll = async (): Promise<boolean> => {
      await this.#limiter.acquire('poll');
      this.requests++;
      return Date.now() - sentAt >= IN_SYNC_MS;
    };
    await this.#attempts(async () => {
      const next = await this.#poller.waitLive({ id: zone, sentAt }, poll, signal);
      if (next !== undefined) throw new CertmanError({ code: 'dns/pending', message: 'PENDING', notBefore: next });
    });
    this.#admission.leave(zone);
    await this.#attempts(() => this.#limiter.acquire('change'));
    this.requests++;
    this.finished++;
    this.finishedAt = Date.now();
    return sentAt - since;
  }

  /** As Temporal retries an activity. */
  async #attempts<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      this.attempts++;
      this.waiting++;
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof CertmanError) || error.info.notBefore === undefined) throw error;
        const wait = Date.parse(error.info.notBefore) - Date.now();
        // Deterministic, and spread.
        const late = (this.attempts * 7_919) % LATENESS_MS;
        this.waiting--;
        await new Promise((resolve) => setTimeout(resolve, wait + late));
        this.waiting++;
      } finally {
        this.waiting--;
      }
    }
  }
}

async function run(zones: number) {
  const account = new Account(new ChangePoller());
  const start = Date.now();
  const orders = Promise.all(Array.from({ length: zones }, (_, n) => account.order(`z${n}`)));
  let mostWaiting = 0;
  while (account.finished < zones) {
    await vi.advanceTimersByTimeAsync(1_000);
    mostWaiting = Math.max(mostWaiting, account.waiting);
  }
  return { account, mostWaiting, minutes: (account.finishedAt - start) / 60_000, publishedAfter: await orders };
}

describe('1,000 zones at 5 requests a second', () => {
  it('take little longer than their requests, of which there are few', async () => {
    const zones = 1_000;
    const { account, mostWaiting, minutes, publishedAfter } = await run(zones);
    expect(account.requests / zones).toBeLessThan(3.6);
    expect(minutes).toBeLessThan(15);
    expect(mostWaiting).toBeLessThan(30);
    expect(account.attempts / zones).toBeLessThan(12);
    // First come, first served, but for those that came back late.
    const overtaken = publishedAfter.filter((at, n) =>
      publishedAfter.slice(n + 1).some((later) => later < at - 60_000),
    );
    expect(overtaken).toEqual([]);
  });
});
