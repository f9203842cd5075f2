/** Changes and reads that fail for a moment, or get no answer. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ZoneApi, ZoneBatcher } from '../../../../src/dns/zone-changes/zone-batcher.ts';
import type { FailureCode } from '../../../../src/failures/failure.ts';
import { contents, strictZone } from './strict-zone.ts';
import { failing, OPTIONS, publish } from './zone-batcher-requests.ts';

const signal = new AbortController().signal;

describe('transient failures', () => {
  for (const code of ['dns/throttled', 'dns/unreachable'] as const) {
    it(`retries a change that fails with ${code}`, async () => {
      const zone = strictZone();
      zone.beforeChange = (n) => {
        if (n < 3) throw failing(code);
      };
      await new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'v'), signal);
      expect(contents(zone)).toEqual({ a: ['"v"'] });
    });
  }

  it('fails all callers when a failure persists, and serves the next ones', async () => {
    const zone = strictZone();
    zone.beforeChange = (n) => {
      if (n <= 4) throw failing('dns/throttled');
    };
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const outcomes = await Promise.allSettled(['a', 'b'].map((name) => batcher.submit(publish(name, 'v'), signal)));
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
    await batcher.submit(publish('c', 'v'), signal);
    expect(contents(zone)).toEqual({ c: ['"v"'] });
  });

  it('does not retry what a retry cannot help', async () => {
    const zone = strictZone();
    zone.beforeChange = () => {
      throw failing('dns/accessDenied');
    };
    await expect(new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'v'), signal)).rejects.toMatchObject({
      code: 'dns/accessDenied',
    });
    expect(zone.calls).toEqual(['change']);
  });

  it('reports that a change whose answer was lost may be done, whatever the retry answers', async () => {
    const zone = strictZone();
    const answers: FailureCode[] = ['dns/unreachable', 'dns/accessDenied'];
    const api: ZoneApi = {
      readTxtSets: (names, precedence) => zone.readTxtSets(names, precedence),
      change: async (changes, precedence) => {
        const code = answers.shift();
        if (code === 'dns/unreachable') await zone.change(changes, precedence);
        throw failing(code ?? 'dns/unexpected');
      },
    };
    const batcher = new ZoneBatcher(api, OPTIONS);
    const failure = { info: { code: 'dns/accessDenied', outcomeUnknown: true } };
    await expect(batcher.submit(publish('a', 'v'), signal)).rejects.toMatchObject(failure);
    expect(contents(zone)).toEqual({ a: ['"v"'] });
  });

  it('does not send a change again that got no answer for longer than a cut-off worker keeps its order', async () => {
    const zone = strictZone();
    let elapsedMs = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + elapsedMs);
    onTestFinished(() => void vi.restoreAllMocks());
    zone.beforeChange = () => {
      elapsedMs += 10_001;
      throw failing('dns/unreachable');
    };
    const failed = new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'v'), signal);
    await expect(failed).rejects.toMatchObject({ info: { code: 'dns/unreachable', outcomeUnknown: true } });
    expect(zone.calls).toEqual(['change']);
  });

  it('does not report that for a read whose answer was lost', async () => {
    const zone = strictZone();
    const answers: FailureCode[] = ['dns/unreachable', 'dns/accessDenied'];
    const readTxtSets = () => Promise.reject(failing(answers.shift() ?? 'dns/unexpected'));
    const failed = await new ZoneBatcher(
      { readTxtSets, change: (changes, precedence) => zone.change(changes, precedence) },
      OPTIONS,
    )
      // Nothing of which a change would show that it is not there.
      .submit({ action: 'publish', records: [1, 2].map(() => ({ name: 'a', value: 'v' })) }, signal)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'dns/accessDenied' });
    expect(failed).not.toHaveProperty('info.outcomeUnknown');
  });

  it('finds a change done whose answer was lost', async () => {
    const zone = strictZone();
    let lost = false;
    const flaky: ZoneApi = {
      readTxtSets: (names, precedence) => zone.readTxtSets(names, precedence),
      change: async (changes, precedence) => {
        const sent = await zone.change(changes, precedence);
        if (lost) return sent;
        lost = true;
        throw failing('dns/unreachable');
      },
    };
    await new ZoneBatcher(flaky, OPTIONS).submit(publish('a', 'v'), signal);
    expect(contents(zone)).toEqual({ a: ['"v"'] });
  });
});
