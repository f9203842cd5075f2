/** Withdrawals from the challenge zone, which clusters share: only of what a seal vouches for. */
import { expect, test, vi } from 'vitest';
import { createDnsActivities } from '../../../activities/dns.ts';
import type { Seals } from '../../../src/acme/seals.ts';
import type { TxtRecord } from '../../../src/certificates/dns-name.ts';
import type { TxtRecordsInput } from '../../../src/contract/activities/dns.ts';
import type { SealedTxtRecord } from '../../../src/contract/activities/txt-records.ts';
import { ChallengeDelegation } from '../../../src/dns/challenge-delegation.ts';
import type { DnsProvider, DnsTarget } from '../../../src/dns/provider.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';
import { clusterOf, SEALED, SEALS } from '../../support/dns/sealed-records.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';

const CHALLENGES = 'acme.example.net';
const ZONE = zoneTarget({ zoneName: 'example.com' });
const CLUSTER = clusterOf(ZONE);

function record(host: string, sealed: boolean): SealedTxtRecord {
  const txt = { name: `_acme-challenge.${host}.example.com`, value: `value of ${host}` };
  const at = { name: `${host}.${CHALLENGES}`, zoneName: CHALLENGES, challengeZone: true as const };
  return sealed
    ? { ...txt, at, seal: SEALS.seal(CLUSTER, { of: 'record', ...txt, at }) }
    : { ...txt, at, seal: 'none' };
}

/** All names are delegated. */
function worker(seals: Seals | undefined) {
  const withdraw = vi.fn((_target: DnsTarget, _records: readonly TxtRecord[]) => Promise.resolve());
  const aliasOf = (_zone: unknown, name: string) =>
    Promise.resolve(name.endsWith(CHALLENGES) ? undefined : `${name.split('.')[1]}.${CHALLENGES}`);
  const activities = createDnsActivities({ withdraw } as unknown as DnsProvider, {
    ...SEALED,
    ca: { ...SEALED.ca, sealsIfUsable: () => Promise.resolve(seals) },
    delegation: new ChallengeDelegation({ aliasOf }, CHALLENGES),
  });
  const run = (records: readonly SealedTxtRecord[]) =>
    runActivity((input: TxtRecordsInput) => activities.withdrawTxtRecords(input), {
      cluster: CLUSTER,
      zone: ZONE,
      records,
    });
  const withdrawn = () => withdraw.mock.calls.flatMap(([, records]) => records.map(({ name }) => name));
  return { run, withdrawn };
}

test('a leftover of an account that was replaced is left, and does not keep those of the present order', async () => {
  const { run, withdrawn } = worker(SEALS);
  await run([record('new', true), record('old', false)]);
  expect(withdrawn()).toEqual([`new.${CHALLENGES}`]);
});

test('without an account, nothing in the challenge zone is given up', async () => {
  const { run, withdrawn } = worker(undefined);
  expect(await failureOf(run([record('new', true)]))).toMatchObject({ code: 'kubernetes/notAskedFor' });
  expect(withdrawn()).toEqual([]);
});

test('what is in a challenge zone of before is reported once and given up, and keeps nothing else', async () => {
  const withdraw = vi.fn((_target: DnsTarget, _records: readonly TxtRecord[]) => Promise.resolve());
  const onLeft = vi.fn(() => Promise.resolve());
  const activities = createDnsActivities({ withdraw } as unknown as DnsProvider, {
    ...SEALED,
    delegation: new ChallengeDelegation({ aliasOf: () => Promise.resolve(undefined) }, 'acme-new.example.net'),
    onLeft,
  });
  const txt = { name: '_acme-challenge.own.example.com', value: 'own value' };
  const own = { ...txt, seal: SEALS.seal(CLUSTER, { of: 'record', ...txt }) };
  const input = { cluster: CLUSTER, zone: ZONE, records: [record('old', true), own] };
  withdraw.mockRejectedValueOnce(new Error('not now'));
  const run = () => runActivity((given: TxtRecordsInput) => activities.withdrawTxtRecords(given), input);
  await expect(run()).rejects.toThrow();
  expect(onLeft).not.toHaveBeenCalled();
  await run();
  expect(withdraw).toHaveBeenLastCalledWith(
    expect.objectContaining({ zoneName: 'example.com' }),
    [txt],
    expect.anything(),
  );
  expect(onLeft).toHaveBeenCalledExactlyOnceWith(
    CLUSTER,
    [{ name: `old.${CHALLENGES}`, value: 'value of old' }],
    expect.objectContaining({
      message: expect.stringContaining('no longer the challenge zone: it is acme-new.example.net'),
    }),
  );
});
