/** Who is answered what when the service refuses a batch, and how many requests that takes. */
import { describe, expect, it } from 'vitest';
import { ChangeRefusedError } from '../../../../src/dns/zone-changes/change-refused.ts';
import { type ZoneApi, ZoneBatcher } from '../../../../src/dns/zone-changes/zone-batcher.ts';
import { contents, strictZone } from './strict-zone.ts';
import { failing, OPTIONS, publish, withdraw } from './zone-batcher-requests.ts';

const signal = new AbortController().signal;
const REFUSED = { status: 'rejected', reason: { info: { code: 'dns/changeRefused' } } };

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
    ['dozens of full batches', 100, 2, 'v'.repeat(15_000)],
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

  it('costs a bounded number of requests of one batch, also where each is repeated', async () => {
    const bad = Array.from({ length: 40 }, (_, n) => `n${10 * n}`);
    const zone = strictZone({ reserved: bad, mute: true });
    let requests = 0;
    const onEach = (): void => {
      requests += 1;
      if (requests % 3 !== 0) throw failing('dns/throttled');
    };
    const { readTxtSets } = zone;
    zone.beforeChange = onEach;
    zone.readTxtSets = async (...read) => {
      onEach();
      return await readTxtSets(...read);
    };
    const batcher = new ZoneBatcher(zone, OPTIONS);
    const submitted = Array.from({ length: 400 }, (_, n) => batcher.submit(publish(`n${n}`, 'v'), signal));
    const codes = (await Promise.allSettled(submitted)).map((outcome) =>
      outcome.status === 'rejected' ? outcome.reason.code : 'published',
    );
    expect(requests).toBeLessThanOrEqual(120);
    expect(new Set(codes)).toEqual(new Set(['published', 'dns/changeRefused', 'dns/queued']));
  });

  it('begins no further batch once reads of many pages have taken the requests of a round, and comes to an end', async () => {
    const pagesOfRead = 50;
    const zone = strictZone();
    // Another program has a value at each name, which each change finds out by a refusal.
    const names = Array.from({ length: 40 }, (_, n) => `n${n}`);
    for (const name of names) zone.sets.set(name, { name, ttlSeconds: 60, values: ['"theirs"'] });
    let requests = 0;
    const api: ZoneApi = {
      readTxtSets: (read, precedence, onRequest) => {
        for (let page = 0; page < pagesOfRead; page += 1) onRequest();
        requests += pagesOfRead;
        return zone.readTxtSets(read, precedence);
      },
      change: (changes, precedence) => {
        requests += 1;
        return zone.change(changes, precedence);
      },
    };
    const batcher = new ZoneBatcher(api, OPTIONS);
    let rounds = 0;
    for (let left = names; left.length > 0; rounds += 1) {
      requests = 0;
      // Of this length, two values fill a batch.
      const publication = (name: string) => batcher.submit(publish(name, 'v'.repeat(15_000)), signal);
      const outcomes = await Promise.allSettled(left.map(publication));
      // Those of the batch that was under way come on top.
      expect(requests).toBeLessThan(120 + pagesOfRead + 2);
      const isPublished = (n: number) => outcomes[n]?.status === 'fulfilled';
      expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
      left = left.filter((_, n) => !isPublished(n));
      expect(rounds).toBeLessThan(20);
    }
    expect(rounds).toBeGreaterThan(1);
    for (const { values } of zone.sets.values()) expect(values).toHaveLength(2);
  });

  it('keeps what it knows of the names of a batch that waits for another round', async () => {
    const zone = strictZone();
    const api: ZoneApi = {
      readTxtSets: (names, precedence, onRequest) => {
        for (let page = 0; page < 120; page += 1) onRequest();
        return zone.readTxtSets(names, precedence);
      },
      change: (changes, precedence) => zone.change(changes, precedence),
    };
    const batcher = new ZoneBatcher(api, OPTIONS);
    await Promise.all(['a', 'b'].map((name) => batcher.submit(publish(name, 'v'), signal)));
    const long = ['c', 'd'].map((name) => publish(name, 'v'.repeat(15_000)));
    // Whether the value of `a` is there still has to be read.
    const round = [publish('a', 'v'), ...long, publish('b', 'w'.repeat(15_000))];
    const outcomes = await Promise.allSettled(round.map((request) => batcher.submit(request, signal)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[3]).toMatchObject({ reason: { code: 'dns/queued' } });
    zone.calls.length = 0;
    await batcher.submit(publish('b', 'w'), signal);
    expect(zone.calls).toEqual(['change']);
    expect(contents(zone)['b']).toEqual(['"v"', '"w"']);
  });

  it('fails at the second refusal in a row although the zone has what the change was planned on', async () => {
    const zone = strictZone({ reserved: ['a'] });
    const failed = new ZoneBatcher(zone, OPTIONS).submit(publish('a', 'v'), signal);
    await expect(failed).rejects.toMatchObject({ code: 'dns/changeRefused' });
    expect(zone.calls).toEqual(['change', 'read', 'change', 'read']);
  });
});
