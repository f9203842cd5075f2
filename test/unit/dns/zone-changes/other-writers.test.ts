/** Changes of names that another program or worker changes at the same time. */
import { describe, expect, it } from 'vitest';
import { ZoneBatcher } from '../../../../src/dns/zone-changes/zone-batcher.ts';
import { contents, strictZone } from './strict-zone.ts';
import { OPTIONS, publish, withdraw } from './zone-batcher-requests.ts';

const signal = new AbortController().signal;

describe('a change of names that others change too', () => {
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
