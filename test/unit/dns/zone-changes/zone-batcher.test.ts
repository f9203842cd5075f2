/** How the batcher collects requests, what it assumes of the zone, and what an abort takes back. */
import { describe, expect, it } from 'vitest';
import { ZoneBatcher } from '../../../../src/dns/zone-changes/zone-batcher.ts';
import { Gate } from '../../../support/faults/gate.ts';
import { contents, type StrictZone, strictZone } from './strict-zone.ts';
import { failing, OPTIONS, publish, withdraw } from './zone-batcher-requests.ts';

const signal = new AbortController().signal;

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
