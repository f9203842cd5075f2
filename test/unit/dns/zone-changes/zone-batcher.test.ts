import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { TxtRequest } from '../../../../src/dns/zone-changes/change-batch.ts';
import { ChangeRefusedError } from '../../../../src/dns/zone-changes/change-refused.ts';
import { type ZoneApi, ZoneBatcher } from '../../../../src/dns/zone-changes/zone-batcher.ts';
import { CertmanError, type FailureCode } from '../../../../src/failures/failure.ts';
import { Gate } from '../../../support/faults/gate.ts';
import { type StrictZone, strictZone } from './strict-zone.ts';

const OPTIONS = { windowMs: 20, retryDelaysMs: [5, 5, 5] };
const signal = new AbortController().signal;

const publish = (name: string, value: string): TxtRequest => ({ action: 'publish', records: [{ name, value }] });
const withdraw = (name: string, value: string): TxtRequest => ({ action: 'withdraw', records: [{ name, value }] });
const failing = (code: FailureCode): CertmanError => new CertmanError({ code, message: code });
const REFUSED = { status: 'rejected', reason: { info: { code: 'dns/changeRefused' } } };
const contents = (zone: StrictZone): Record<string, readonly string[]> =>
  Object.fromEntries([...zone.sets].map(([name, set]) => [name, set.values]));

describe('collecting changes of a zone', () => {
  it('sends concurrent requests in one change, whose id each caller gets', async () => {
    const zone = strictZone();
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, n) => batcher.submit(publish(`n${n}`, 'v'), signal)),
    );
    expect(zone.calls).toEqual(['change']);
    expect(new Set(outcomes.map((outcome) => outcome.change?.id))).toEqual(new Set(['C1']));
    expect(zone.sets.size).toBe(200);
  });

  it('has one change in flight at a time and collects what comes meanwhile', async () => {
    const zone = strictZone();
    let inFlight = 0;
    const collected = new Gate();
    zone.beforeChange = async () => {
      expect(++inFlight).toBe(1);
      await collected.opened;
      inFlight--;
    };
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const first = batcher.submit(publish('a', 'v'), signal);
    await expect.poll(() => inFlight).toBe(1);
    const others = [batcher.submit(publish('b', 'v'), signal), batcher.submit(publish('c', 'v'), signal)];
    collected.open();
    await Promise.all([first, ...others]);
    expect(zone.calls).toEqual(['change', 'change']);
  });

  it('gives a caller whose value is there already the last change to wait for', async () => {
    const zone = strictZone();
    const batcher = new ZoneBatcher(zone, OPTIONS);
    await batcher.submit(publish('a', 'v'), signal);
    expect(await batcher.submit(publish('a', 'v'), signal)).toMatchObject({ change: { id: 'C1', live: false } });
    expect(zone.calls).toEqual(['change', 'read']);
  });

  it('carries out a withdrawal that follows a publication in the same batch', async () => {
    const zone = strictZone();
    const batcher = new ZoneBatcher(zone, OPTIONS);
    await Promise.all([
      batcher.submit(publish('a', 'v'), signal),
      batcher.submit(publish('a', 'w'), signal),
      batcher.submit(withdraw('a', 'v'), signal),
    ]);
    expect(contents(zone)).toEqual({ a: ['"w"'] });
  });
});

describe('what the zone is assumed to have', () => {
  const put = (zone: StrictZone, ...values: string[]): void =>
    void zone.sets.set('a', { name: 'a', ttlSeconds: 60, values: values.map((value) => `"${value}"`) });

  it('is nothing before a publication, which costs one request', async () => {
    const zone = strictZone();
    await new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'v'), signal);
    expect(zone.calls).toEqual(['change']);
  });

  it.each(['this worker', 'another worker'])('is what %s published before a withdrawal', async (who) => {
    const zone = strictZone();
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const values = ['v', 'w'].map((value) => ({ name: 'a', value }));
    await batcher.submit({ action: 'publish', records: values }, signal);
    zone.calls.length = 0;
    const withdrawer = who === 'this worker' ? batcher : new ZoneBatcher(zone, OPTIONS);
    await withdrawer.submit({ action: 'withdraw', records: values }, signal);
    expect(zone.calls).toEqual(['change']);
    expect(contents(zone)).toEqual({});
  });

  it('is read when a change shows that other values are there, which stay', async () => {
    const zone = strictZone();
    put(zone, 'theirs');
    const batcher = new ZoneBatcher(zone, OPTIONS);
    await batcher.submit(publish('a', 'ours'), signal);
    expect(contents(zone)).toEqual({ a: ['"theirs"', '"ours"'] });
    expect(zone.calls).toEqual(['change', 'read', 'change']);
    put(zone, 'theirs', 'ours', 'more of theirs');
    await batcher.submit(withdraw('a', 'ours'), signal);
    expect(contents(zone)).toEqual({ a: ['"theirs"', '"more of theirs"'] });
  });

  it('is read before a value counts as published or withdrawn without a change', async () => {
    const zone = strictZone();
    const batcher = new ZoneBatcher(zone, OPTIONS);
    await batcher.submit(publish('a', 'v'), signal);
    zone.sets.clear();
    await batcher.submit(publish('a', 'v'), signal);
    expect(contents(zone)).toEqual({ a: ['"v"'] });
    await batcher.submit(withdraw('a', 'v'), signal);
    put(zone, 'theirs', 'v');
    await Promise.all([batcher.submit(publish('a', 'v'), signal), batcher.submit(withdraw('a', 'v'), signal)]);
    expect(contents(zone)).toEqual({ a: ['"theirs"'] });
  });

  it('is read of the names in question only', async () => {
    const zone = strictZone();
    const batcher = new ZoneBatcher(zone, OPTIONS);
    await batcher.submit(publish('a', 'v'), signal);
    const asked: (readonly string[])[] = [];
    const { readTxtSets } = zone;
    zone.readTxtSets = (names, precedence) => {
      asked.push([...names]);
      return readTxtSets(names, precedence);
    };
    await Promise.all([batcher.submit(publish('a', 'v'), signal), batcher.submit(publish('b', 'v'), signal)]);
    expect(asked).toEqual([['a']]);
  });

  it('is forgotten when a change got no answer', async () => {
    const zone = strictZone();
    const batcher = new ZoneBatcher(zone, OPTIONS);
    await batcher.submit(publish('a', 'v'), signal);
    zone.beforeChange = () => {
      zone.sets.clear();
      throw failing('dns/unreachable');
    };
    await expect(batcher.submit(withdraw('a', 'v'), signal)).rejects.toMatchObject({ code: 'dns/unreachable' });
    zone.beforeChange = () => undefined;
    zone.calls.length = 0;
    await batcher.submit(publish('a', 'w'), signal);
    expect(zone.calls).toEqual(['change']);
  });

  it('goes before what others begin, once it is read', async () => {
    const zone = strictZone();
    put(zone, 'theirs');
    await new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'ours'), signal);
    expect(zone.precedences).toEqual(['change', 'next', 'next']);
  });
});

describe('a change that is refused', () => {
  for (const mute of [false, true]) {
    it(`fails only the request with the bad name, ${mute ? 'although the refusal does not name it' : 'which the refusal names'}`, async () => {
      const zone = strictZone({ reserved: ['n77'], mute });
      const batcher = new ZoneBatcher(zone, OPTIONS);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 200 }, (_, n) => batcher.submit(publish(`n${n}`, 'v'), signal)),
      );
      const failed = outcomes.flatMap((outcome, n) =>
        outcome.status === 'rejected' ? [[n, outcome.reason.code]] : [],
      );
      expect(failed).toEqual([[77, 'dns/changeRefused']]);
      expect(zone.sets.size).toBe(199);
      expect(zone.calls.length).toBeLessThan(mute ? 32 : 14);
    });
  }

  it('reports to a caller whose request was too large for one change that part of it is in the zone', async () => {
    const zone = strictZone({ reserved: ['n1199'] });
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const records = Array.from({ length: 1_200 }, (_, n) => ({ name: `n${n}`, value: 'v' }));
    const [large, small] = await Promise.allSettled([
      batcher.submit({ action: 'publish', records }, signal),
      batcher.submit(publish('n1199', 'w'), signal),
    ]);
    expect(zone.sets.size).toBeGreaterThan(0);
    expect(large).toMatchObject({
      status: 'rejected',
      reason: { info: { code: 'dns/changeRefused', outcomeUnknown: true } },
    });
    expect(small).toMatchObject({ status: 'rejected', reason: { info: { code: 'dns/changeRefused' } } });
    expect(small).not.toHaveProperty('reason.info.outcomeUnknown');
  });

  it('rejects both of two withdrawals of a value that cannot be withdrawn', async () => {
    const zone = strictZone();
    zone.sets.set('a', { name: 'a', ttlSeconds: 60, values: ['"v"'] });
    zone.beforeChange = () => {
      throw new ChangeRefusedError('refused', 'refused', undefined);
    };
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const outcomes = await Promise.allSettled([1, 2].map(() => batcher.submit(withdraw('a', 'v'), signal)));
    expect(outcomes).toMatchObject([REFUSED, REFUSED]);
    expect(contents(zone)).toEqual({ a: ['"v"'] });
  });

  for (const mute of [false, true]) {
    it(`rejects both of two publications of a refused value, and publishes the others${mute ? '' : ' that the refusal does not name'}`, async () => {
      const zone = strictZone({ reserved: ['bad'], mute });
      const batcher = new ZoneBatcher(zone, OPTIONS);
      const outcomes = await Promise.allSettled(
        ['bad', 'bad', 'good'].map((name) => batcher.submit(publish(name, 'v'), signal)),
      );
      expect(outcomes).toMatchObject([REFUSED, REFUSED, { status: 'fulfilled' }]);
      expect(contents(zone)).toEqual({ good: ['"v"'] });
    });
  }

  it('plans the next batch of a round without the values of a refused one', async () => {
    const records = Array.from({ length: 1_000 }, (_, n) => ({ name: `n${n}`, value: 'v' }));
    const zone = strictZone({ reserved: records.map(({ name }) => name), mute: true });
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const outcomes = await Promise.allSettled([
      batcher.submit({ action: 'publish', records }, signal),
      batcher.submit(publish('good', 'v'), signal),
      batcher.submit(publish('n0', 'v'), signal),
    ]);
    expect(outcomes).toMatchObject([REFUSED, { status: 'fulfilled' }, REFUSED]);
    expect(contents(zone)).toEqual({ good: ['"v"'] });
  });

  it.each([false, true])(
    'reads the zone again when a part got no answer, which has reached it: %s',
    async (reached) => {
      const zone = strictZone();
      let lost = 0;
      const api: ZoneApi = {
        readTxtSets: (names, precedence) => zone.readTxtSets(names, precedence),
        change: async (changes, precedence) => {
          // The batch of all is refused twice; then its first part gets no answer.
          if (zone.calls.filter((call) => call === 'change').length < 2) {
            zone.calls.push('change');
            throw new ChangeRefusedError('refused', 'refused', undefined);
          }
          if (lost++ > OPTIONS.retryDelaysMs.length) return zone.change(changes, precedence);
          if (reached && lost === 1) await zone.change(changes, precedence);
          throw failing('dns/unreachable');
        },
      };
      const batcher = new ZoneBatcher(api, OPTIONS);
      const outcomes = await Promise.allSettled([1, 2].map(() => batcher.submit(publish('a', 'v'), signal)));
      expect(outcomes).toMatchObject([
        { status: 'rejected', reason: { info: { code: 'dns/unreachable', outcomeUnknown: true } } },
        { status: 'fulfilled' },
      ]);
      expect(contents(zone)).toEqual({ a: ['"v"'] });
    },
  );

  it('does not count against the requests beside it, one of which another program then competes with', async () => {
    const zone = strictZone({ reserved: ['bad'], mute: true });
    const { readTxtSets } = zone;
    zone.beforeChange = (_n, changes) => {
      const [first, second] = changes;
      // Only `good` alone: another program has its value there for the moment of the change.
      if (second !== undefined || first?.set.name !== 'good' || zone.sets.has('good') || competed) return;
      competed = true;
      zone.sets.set('good', { name: 'good', ttlSeconds: 60, values: ['"theirs"'] });
    };
    let competed = false;
    zone.readTxtSets = (names, precedence) => {
      zone.sets.clear();
      return readTxtSets(names, precedence);
    };
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const outcomes = await Promise.allSettled(
      ['bad', 'good'].map((name) => batcher.submit(publish(name, 'v'), signal)),
    );
    expect(competed).toBe(true);
    expect(outcomes).toMatchObject([REFUSED, { status: 'fulfilled' }]);
    expect(contents(zone)).toEqual({ good: ['"v"'] });
  });

  it.each([
    ['one batch', 400, 10, 'v'],
    // Of this length, two values fill a batch.
    ['dozens of full batches', 120, 2, 'v'.repeat(15_000)],
  ])(
    'costs a bounded number of requests in %s, whatever is refused: what is left waits, and is published by later rounds',
    async (_what, count, everyBad, value) => {
      const names = Array.from({ length: count }, (_, n) => `n${n}`);
      const bad = names.filter((_, n) => n % everyBad === 0);
      const zone = strictZone({ reserved: bad, mute: true });
      const batcher = new ZoneBatcher(zone, OPTIONS);
      const refused: string[] = [];
      let rounds = 0;
      for (let left = names; left.length > 0; rounds += 1) {
        zone.calls.length = 0;
        const outcomes = await Promise.allSettled(left.map((name) => batcher.submit(publish(name, value), signal)));
        expect(zone.calls.length).toBeLessThanOrEqual(120);
        const codes = new Map(
          outcomes.map((outcome, n) => [
            left[n] ?? '',
            outcome.status === 'rejected' ? outcome.reason.code : undefined,
          ]),
        );
        for (const [name, code] of codes) if (code === 'dns/changeRefused') refused.push(name);
        left = left.filter((name) => codes.get(name) === 'dns/queued');
        expect(left.filter((name) => zone.sets.has(name))).toEqual([]);
        expect(rounds).toBeLessThan(10);
      }
      expect(rounds).toBeGreaterThan(1);
      expect(refused.toSorted()).toEqual(bad.toSorted());
      expect(zone.sets.size).toBe(count - bad.length);
    },
  );

  it('fails at the second refusal in a row although the zone has what the change was planned on', async () => {
    const zone = strictZone({ reserved: ['a'] });
    const failed = new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'v'), signal);
    await expect(failed).rejects.toMatchObject({ code: 'dns/changeRefused' });
    expect(zone.calls).toEqual(['change', 'read', 'change', 'read']);
  });

  it('is sent again when another program has changed the name and changed it back', async () => {
    const zone = strictZone();
    const { readTxtSets } = zone;
    zone.beforeChange = (n) =>
      void (n === 1 && zone.sets.set('a', { name: 'a', ttlSeconds: 60, values: ['"theirs"'] }));
    zone.readTxtSets = (names, precedence) => {
      zone.sets.clear();
      return readTxtSets(names, precedence);
    };
    await new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'ours'), signal);
    expect(contents(zone)).toEqual({ a: ['"ours"'] });
  });

  it('sends no operation but CREATE and DELETE', async () => {
    const zone = strictZone({ reserved: ['bad'] });
    const actions = new Set<string>();
    zone.beforeChange = (n, changes) => {
      for (const { action } of changes) actions.add(action);
      if (n === 1) zone.sets.set('a', { name: 'a', ttlSeconds: 60, values: ['"theirs"'] });
    };
    const batcher = new ZoneBatcher(zone, OPTIONS);
    await Promise.allSettled(['a', 'bad'].map((name) => batcher.submit(publish(name, 'v'), signal)));
    expect(actions).toEqual(new Set(['CREATE', 'DELETE']));
  });

  it('does not overwrite what another worker wrote between reading and writing', async () => {
    const zone = strictZone();
    zone.beforeChange = (n) => {
      if (n === 1) zone.sets.set('a', { name: 'a', ttlSeconds: 60, values: ['"theirs"'] });
    };
    await new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'ours'), signal);
    expect(contents(zone)).toEqual({ a: ['"theirs"', '"ours"'] });
  });

  it('lets two workers who publish under one name at the same time both have their value there', async () => {
    const zone = strictZone();
    const workers = [new ZoneBatcher(zone, OPTIONS), new ZoneBatcher(zone, OPTIONS)];
    await Promise.all(workers.map((worker, n) => worker.submit(publish('a', `of worker ${n}`), signal)));
    expect(contents(zone)['a']?.toSorted()).toEqual(['"of worker 0"', '"of worker 1"']);
  });

  it('counts a withdrawal as done when another program withdrew first', async () => {
    const zone = strictZone();
    zone.sets.set('a', { name: 'a', ttlSeconds: 60, values: ['"v"'] });
    zone.beforeChange = () => zone.sets.clear();
    await new ZoneBatcher(zone, OPTIONS).submit(withdraw('a', 'v'), signal);
    expect(contents(zone)).toEqual({});
  });

  it('gives up with a time to retry when another program keeps changing the name', async () => {
    const zone = strictZone();
    zone.beforeChange = (n) => void zone.sets.set('a', { name: 'a', ttlSeconds: 60, values: [`"${n}"`] });
    const failure = await new ZoneBatcher(zone, OPTIONS)
      .submit(publish('a', 'v'), signal)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ info: { code: 'dns/throttled', notBefore: expect.any(String) } });
  });
});

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

describe('cancellation', () => {
  it('takes a request out of a batch that has not been sent', async () => {
    const zone = strictZone();
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const leaving = new AbortController();
    const left = batcher.submit(publish('a', 'v'), leaving.signal);
    const stayed = batcher.submit(publish('b', 'v'), signal);
    leaving.abort(new Error('cancelled'));
    await expect(left).rejects.toThrow('cancelled');
    await stayed;
    expect(contents(zone)).toEqual({ b: ['"v"'] });
  });

  it('sends nothing when all callers were aborted', async () => {
    const zone = strictZone();
    const leaving = new AbortController();
    const left = new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'v'), leaving.signal);
    leaving.abort(new Error('cancelled'));
    await expect(left).rejects.toThrow('cancelled');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(zone.calls).toEqual([]);
  });

  it('waits for a change that is under way, so that a withdrawal afterwards finds it', async () => {
    const zone = strictZone();
    const leaving = new AbortController();
    zone.beforeChange = async () => {
      leaving.abort(new Error('cancelled'));
      await new Promise((resolve) => setTimeout(resolve, 30));
    };
    await expect(new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'v'), leaving.signal)).rejects.toThrow('cancelled');
    expect(contents(zone)).toEqual({ a: ['"v"'] });
  });
});
