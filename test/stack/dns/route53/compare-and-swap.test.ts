/** What keeps several writers of one name apart: the rules of Route 53 that the local moto has, with nothing in front of it. */
import { type Change, type ChangeAction, Route53 } from '@aws-sdk/client-route-53';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { AWS } from '../../../../local/stack/versions.ts';
import { record, SINCE, signal, useRoute53 } from '../../../support/dns/route53-harness.ts';
import { zoneTarget } from '../../../support/dns/route53-proxy.ts';
import { stepsOfTwoWorkers } from '../../../support/dns/two-workers.ts';

const lab = useRoute53();
let route53: Route53 | undefined;

beforeEach(() => {
  process.env['AWS_ENDPOINT_URL'] = lab.moto.url;
  const { region, accessKeyId, secretAccessKey } = AWS;
  route53 ??= new Route53({ region, endpoint: lab.moto.url, credentials: { accessKeyId, secretAccessKey } });
});
afterAll(() => route53?.destroy());

const change = (Action: ChangeAction, host: string, values: readonly string[], TTL = 60): Change => ({
  Action,
  ResourceRecordSet: {
    Name: `${host}.${lab.zoneName}.`,
    Type: 'TXT',
    TTL,
    ResourceRecords: values.map((value) => ({ Value: `"${value}"` })),
  },
});

/** @returns what Route 53 has against the batch; `accepted` otherwise. */
async function send(...changes: readonly Change[]): Promise<string> {
  try {
    await route53?.changeResourceRecordSets({
      HostedZoneId: lab.zoneId,
      ChangeBatch: { Changes: [...changes] },
    });
    return 'accepted';
  } catch (error) {
    expect(error).toMatchObject({ name: 'InvalidChangeBatch', $metadata: { httpStatusCode: 400 } });
    return (error as Error).message;
  }
}

const values = async (host: string) => (await lab.moto.txtSets(lab.zoneId))[`${host}.${lab.zoneName}`];

describe('a change batch', () => {
  it('creates only what is not there, and deletes exactly what is there', async () => {
    const set = `resource record set [name='a.${lab.zoneName}.', type='TXT']`;
    expect(await send(change('DELETE', 'a', ['v']))).toBe(`[Tried to delete ${set} but it was not found]`);
    expect(await send(change('CREATE', 'a', ['v', 'w']))).toBe('accepted');
    expect(await send(change('CREATE', 'a', ['x']))).toBe(`[Tried to create ${set} but it already exists]`);
    const mismatch = `[Tried to delete ${set} but the values provided do not match the current values]`;
    for (const other of [['v'], ['w', 'v'], ['v', 'w', 'x']])
      expect(await send(change('DELETE', 'a', other))).toBe(mismatch);
    expect(await send(change('DELETE', 'a', ['v', 'w'], 300))).toBe(mismatch);
    expect(await values('a')).toEqual(['"v"', '"w"']);
    expect(await send(change('DELETE', 'a', ['v', 'w']))).toBe('accepted');
    expect(await send(change('DELETE', 'a', ['v', 'w']))).toBe(`[Tried to delete ${set} but it was not found]`);
  });

  it('creates again what was there before, beside what sorts after it', async () => {
    expect(await send(change('CREATE', 'z', ['v']))).toBe('accepted');
    for (const action of ['CREATE', 'DELETE', 'CREATE'] as const)
      expect(await send(change(action, 'a', ['v']))).toBe('accepted');
    expect(await send(change('UPSERT', 'a', ['w']), change('DELETE', 'a', ['w']))).toBe('accepted');
    expect(await values('a')).toBeUndefined();
  });

  it('is applied as a whole, each change to the result of those before it, or not at all', async () => {
    expect(await send(change('CREATE', 'a', ['v']))).toBe('accepted');
    const replaced = [change('DELETE', 'a', ['v']), change('CREATE', 'a', ['w'])];
    expect(await send(...replaced, change('DELETE', 'b', ['v']))).toContain('was not found');
    expect(await send(...replaced, change('CREATE', 'a', ['w']))).toContain('already exists');
    const [outside] = [change('CREATE', 'c', ['v'])];
    const elsewhere = { ...outside?.ResourceRecordSet, Name: 'example.org.', Type: 'TXT' } as const;
    expect(await send(...replaced, { Action: 'CREATE', ResourceRecordSet: elsewhere })).toContain('not permitted');
    expect(await values('a')).toEqual(['"v"']);
    expect(await send(...replaced)).toBe('accepted');
    expect(await values('a')).toEqual(['"w"']);
  });

  it('is the only one of several that are sent at once and compare with the same', async () => {
    expect(await send(change('CREATE', 'a', ['v']))).toBe('accepted');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => send(change('DELETE', 'a', ['v']), change('CREATE', 'a', ['v', `w${n}`]))),
    );
    const winner = answers.indexOf('accepted');
    expect(answers.filter((answer) => answer === 'accepted')).toHaveLength(1);
    expect(await values('a')).toEqual(['"v"', `"w${winner}"`]);
  });
});

/**
 * Of 480 orders, so that the test takes seconds; the batcher's unit test has all, with a kill after each step. Odd: which worker
 * takes a step is the binary digits of an index.
 */
const EVERY_NTH = 17;

it('two workers at one name leave what is published, one of them killed between', async () => {
  const orders = stepsOfTwoWorkers(['a', 'b', 'c']).filter((_, n) => n % EVERY_NTH === 0);
  const survivors = [lab.provider({ batchWindowMs: 1 }), lab.provider({ batchWindowMs: 1 })];
  const differences = await Promise.all(
    orders.map(async (order, n) => {
      const zoneName = `order-${n}.example.net`;
      const zoneId = await lab.moto.createZone(zoneName);
      const zone = zoneTarget({ zoneName });
      const workers = [...survivors];
      const published = new Set<string>();
      for (const [at, { worker, action, value }] of order.entries()) {
        const provider = workers[worker];
        const records = [record(zoneName, value)];
        if (action === 'publish') await provider?.publish(zone, records, signal, SINCE);
        else await provider?.withdraw(zone, records, signal);
        published[action === 'publish' ? 'add' : 'delete'](`"${value}"`);
        // The one that is started in its place knows nothing.
        if (at === n % (order.length + 1)) workers[worker] = lab.provider({ batchWindowMs: 1 });
        const found = (await lab.moto.txtSets(zoneId))[`_acme-challenge.${zoneName}`] ?? [];
        if (found.toSorted().join() !== [...published].toSorted().join()) return [{ order, at, found }];
      }
      return [];
    }),
  );
  expect(differences.flat()).toEqual([]);
});
