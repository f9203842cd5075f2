/** Records that CNAMEs delegate to the challenge zone: written there with its own credentials, and only there. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createDnsActivities, type DnsActivityDeps } from '../../../../activities/dns.ts';
import { ownershipValue } from '../../../../src/certificates/dns-name.ts';
import type { TxtRecordsInput } from '../../../../src/contract/activities/dns.ts';
import type { SealedTxtRecord, TxtRecordPlace } from '../../../../src/contract/activities/txt-records.ts';
import { ChallengeDelegation } from '../../../../src/dns/challenge-delegation.ts';
import { record, useRoute53, VALUE } from '../../../support/dns/route53-harness.ts';
import { zoneTarget } from '../../../support/dns/route53-proxy.ts';
import { clusterOf, SEALED, SEALS } from '../../../support/dns/sealed-records.ts';
import { type Attempt, failureOf, runActivity } from '../../../support/temporal/run-activity.ts';

const SECRET = 'certman-challenge-zone-credentials';
const OWN_KEY = 'AKIAEXAMPLE';
const CHALLENGE_KEY = 'AKIACHALLENGES';

const lab = useRoute53();
let challengeZone: string;
let challengeZoneId: string;
/** CNAMEs in DNS. */
const aliases = new Map<string, string>();

beforeEach(async () => {
  challengeZone = `acme.${lab.zoneName}.example.net`;
  challengeZoneId = await lab.moto.createZone(challengeZone);
  lab.kubernetes.putCredentials('certman-operator', SECRET, CHALLENGE_KEY);
  aliases.clear();
  // IAM: the credentials of the clusters change their own zone, those of the challenge zone change that.
  lab.proxy.refuse = ({ path, keyId }) => {
    const allowed = keyId === CHALLENGE_KEY ? challengeZoneId : lab.zoneId;
    return !path.includes('/hostedzone/') || path.includes(`/hostedzone/${allowed}`)
      ? undefined
      : { status: 403, code: 'AccessDenied', message: `${keyId ?? 'nobody'} may not change it.` };
  };
});

const delegation = (): ChallengeDelegation =>
  new ChallengeDelegation({ aliasOf: (_zone, name) => Promise.resolve(aliases.get(name)) }, challengeZone);

/** The activities of a new worker. */
function worker({
  findsZoneByName = false,
  onLeft,
}: {
  findsZoneByName?: boolean;
  onLeft?: DnsActivityDeps['onLeft'];
} = {}) {
  const settings = { credentialsSecret: SECRET, ...(findsZoneByName ? {} : { hostedZoneId: challengeZoneId }) };
  const dns = lab.provider({ expectedLiveMs: 2_000 }, { challengeZone: settings });
  const activities = createDnsActivities(dns, { ...SEALED, delegation: delegation(), onLeft });
  const publish = (input: TxtRecordsInput) => activities.publishTxtRecords(input);
  const withdraw = (input: TxtRecordsInput) => activities.withdrawTxtRecords(input);
  return {
    publish: (input: TxtRecordsInput, attempt?: Attempt) => runActivity(publish, input, attempt),
    withdraw: (input: TxtRecordsInput) => runActivity(withdraw, input),
  };
}

const inChallengeZone = (host: string): TxtRecordPlace => ({
  name: `${host}.${challengeZone}`,
  zoneName: challengeZone,
  challengeZone: true,
});

/** Input of a cluster of its own whose names are delegated. */
function delegated(cluster: string, hosts = [cluster]) {
  const zone = zoneTarget({ namespace: 'ns', clusterName: cluster, zoneName: lab.zoneName });
  const owner = clusterOf(zone);
  const records = hosts.map((host): SealedTxtRecord => {
    const one = record(`${host}.${lab.zoneName}`, `${host}-${VALUE}`.slice(0, 43));
    const at = inChallengeZone(host);
    aliases.set(one.name, at.name);
    return { ...one, at, seal: SEALS.seal(owner, { of: 'record', ...one, at }) };
  });
  return { cluster: owner, zone, records };
}

const txtNames = async (zoneId: string) => Object.keys(await lab.moto.txtSets(zoneId)).sort();

describe('delegated records', () => {
  it('are put into the challenge zone with its credentials, and withdrawn there', async () => {
    const input = delegated('c1', ['api', 'apps']);
    const published = await worker().publish(input);
    expect(published).toMatchObject({ zoneId: '', challengeZone: { zoneId: challengeZoneId } });
    expect(await txtNames(challengeZoneId)).toEqual([`api.${challengeZone}`, `apps.${challengeZone}`]);
    expect(await txtNames(lab.zoneId)).toEqual([]);
    // Another worker, which finds the zone by its name, after the CNAMEs are gone.
    aliases.clear();
    await worker({ findsZoneByName: true }).withdraw(input);
    expect(await txtNames(challengeZoneId)).toEqual([]);
    expect(lab.proxy.requests.some(({ keyId }) => keyId === OWN_KEY)).toBe(false);
  });

  it('go beside those that are not: each to its zone', async () => {
    const input = delegated('c1', ['api']);
    const plain = record(`apps.${lab.zoneName}`);
    const own = { ...plain, seal: SEALS.seal(input.cluster, { of: 'record', ...plain }) };
    const both = { ...input, records: [...input.records, own] };
    const published = await worker().publish(both);
    expect(published).toMatchObject({ zoneId: lab.zoneId, challengeZone: { zoneId: challengeZoneId } });
    expect(await txtNames(lab.zoneId)).toEqual([plain.name]);
    expect(await txtNames(challengeZoneId)).toEqual([`api.${challengeZone}`]);
    await worker().withdraw(both);
    expect([...(await txtNames(lab.zoneId)), ...(await txtNames(challengeZoneId))]).toEqual([]);
  });

  it('continue in both zones where a change is PENDING, without changing them again', async () => {
    lab.proxy.rewrite = (body) => body.replaceAll('INSYNC', 'PENDING');
    const input = delegated('c1');
    const plain = record(`apps.${lab.zoneName}`);
    const own = { ...plain, seal: SEALS.seal(input.cluster, { of: 'record', ...plain }) };
    const both = { ...input, records: [...input.records, own] };
    let details: unknown;
    const onHeartbeat = (seen: unknown): void => {
      details = seen;
    };
    const activities = worker();
    expect(await failureOf(activities.publish(both, { onHeartbeat }))).toMatchObject({
      code: 'dns/pending',
      outcomeUnknown: true,
    });
    expect(details).toMatchObject({ zoneId: lab.zoneId, challengeZone: { zoneId: challengeZoneId } });
    lab.proxy.rewrite = (body) => body;
    const before = lab.proxy.counts()['ChangeResourceRecordSets'];
    const isLive = async (attempt: number): Promise<boolean> => {
      try {
        await activities.publish(both, { attempt, heartbeatDetails: details });
        return true;
      } catch (error) {
        const { code, retryDelayMs } = await failureOf(Promise.reject(error as Error));
        expect(code).toBe('dns/pending');
        await new Promise((resolve) => setTimeout(resolve, retryDelayMs));
        return false;
      }
    };
    let attempt = 2;
    while (!(await isLive(attempt))) attempt++;
    expect(lab.proxy.counts()['ChangeResourceRecordSets']).toBe(before);
  });

  it('of 20 clusters share few changes of the challenge zone', async () => {
    const { publish, withdraw } = worker();
    const inputs = Array.from({ length: 20 }, (_, n) => delegated(`c${n}`, [`api.c${n}`, `apps.c${n}`]));
    await Promise.all(inputs.map((input) => publish(input)));
    expect(await txtNames(challengeZoneId)).toHaveLength(40);
    await Promise.all(inputs.map((input) => withdraw(input)));
    expect(await txtNames(challengeZoneId)).toEqual([]);
    expect(lab.proxy.counts()['ChangeResourceRecordSets']).toBeLessThanOrEqual(4);
  });

  it('are not published once their CNAME leads elsewhere', async () => {
    const input = delegated('c1');
    aliases.set(input.records[0]?.name ?? '', `other.${challengeZone}`);
    const failure = await failureOf(worker().publish(input));
    expect(failure).toMatchObject({ code: 'dns/delegationChanged', retry: 'backoff' });
    expect(failure.message).toMatch(/led to "c1\.acme\..* and leads to "other\.acme\./);
    expect(await txtNames(challengeZoneId)).toEqual([]);
  });
});

describe('the challenge zone', () => {
  it('is not written where an input names a place that no activity has sealed', async () => {
    const input = delegated('c1');
    const at = inChallengeZone('victim');
    const forged = { ...input, records: input.records.map((one) => ({ ...one, at })) };
    const { publish, withdraw } = worker();
    expect(await failureOf(publish(forged))).toMatchObject({ code: 'kubernetes/notAskedFor' });
    // Of the object's own name and value, where the CNAME leads: unsealed, it may be that of another cluster.
    const unsealed = { ...input, records: input.records.map((one) => ({ ...one, seal: undefined })) };
    expect(await failureOf(publish(unsealed))).toMatchObject({ code: 'kubernetes/notAskedFor' });
    await lab.moto.putTxt(challengeZoneId, `victim.${challengeZone}`, [`"${input.records[0]?.value}"`]);
    await worker().publish(input);
    await withdraw(unsealed);
    expect(await txtNames(challengeZoneId)).toEqual([`c1.${challengeZone}`, `victim.${challengeZone}`]);
    // It is the object's own where DNS has it: there it is withdrawn, and nowhere else.
    await withdraw(forged);
    expect(await txtNames(challengeZoneId)).toEqual([`victim.${challengeZone}`]);
  });

  it('is not reached by a zone of the input that claims to be it', async () => {
    const input = delegated('c1');
    await worker().publish(input);
    const own = input.records.map(({ name, value }) => {
      const plain = { name: inChallengeZone('c1').name, value };
      return { ...plain, seal: SEALS.seal(input.cluster, { of: 'record', ...plain }), was: name };
    });
    const zone = { ...input.zone, zoneName: challengeZone, isChallengeZone: true };
    const failed = await failureOf(worker().withdraw({ ...input, zone, records: own }));
    expect(failed.code).toMatch(/^dns\//);
    expect(await txtNames(challengeZoneId)).toEqual([`c1.${challengeZone}`]);
  });

  it('is not used for a standalone request', async () => {
    const zone = zoneTarget({ clusterName: 'web', zoneName: lab.zoneName, kind: 'CertificateRequest' });
    const cluster = clusterOf(zone);
    const name = `_acme-challenge.web.${lab.zoneName}`;
    aliases.set(name, `web.${challengeZone}`);
    const value = ownershipValue(cluster.uid, '6b1d2bd1-63f2-4b3c-9b51-1b8d9c8d2f10');
    const at = inChallengeZone('web');
    const failure = await failureOf(worker().publish({ cluster, zone, records: [{ name, value, at }] }));
    expect(failure).toMatchObject({ code: 'dns/delegationElsewhere' });
    expect(failure.remedy).toContain('a standalone CertificateRequest uses no challenge zone');
    // A seal of the CA's record does not help it either.
    const seal = SEALS.seal(cluster, { of: 'record', name, value: VALUE, at });
    const sealed = { cluster, zone, records: [{ name, value: VALUE, at, seal }] };
    expect((await failureOf(worker().publish(sealed))).code).toMatch(/^dns\//);
    expect(await txtNames(challengeZoneId)).toEqual([]);
  });

  it('of the past is named in the report of a leftover record, which is left there', async () => {
    const input = delegated('c1');
    await worker().publish(input);
    const plain = record(`apps.${lab.zoneName}`);
    const own = { ...plain, seal: SEALS.seal(input.cluster, { of: 'record', ...plain }) };
    await worker().publish({ ...input, records: [own] });
    const past = challengeZone;
    challengeZone = 'new.example.net';
    const onLeft = vi.fn(() => Promise.resolve());
    await worker({ onLeft }).withdraw({ ...input, records: [...input.records, own] });
    expect(onLeft).toHaveBeenCalledExactlyOnceWith(
      input.cluster,
      [{ name: `c1.${past}`, value: input.records[0]?.value }],
      expect.objectContaining({
        message: expect.stringContaining(`"${past}", which is no longer the challenge zone: it is new.example.net`),
      }),
    );
    // What can be withdrawn is.
    expect(await txtNames(lab.zoneId)).toEqual([]);
  });

  it('is named in a failure of its credentials, which are read again at the next attempt', async () => {
    const input = delegated('c1');
    lab.kubernetes.putCredentials('certman-operator', SECRET, 'AKIAREVOKED');
    const { publish } = worker();
    const failure = await failureOf(publish(input));
    expect(failure).toMatchObject({
      code: 'dns/accessDenied',
      remedy: expect.stringContaining('CERTMAN_CHALLENGE_ZONE_SECRET'),
    });
    expect(failure.message).toMatch(new RegExp(`^In the challenge zone ${challengeZone}: `));
    lab.kubernetes.putCredentials('certman-operator', SECRET, CHALLENGE_KEY);
    await publish(input);
  });
});

describe('a standalone request', () => {
  it('proves its names where a CNAME leads within its own zone, also without a seal', async () => {
    const zone = zoneTarget({ clusterName: 'web', zoneName: lab.zoneName, kind: 'CertificateRequest' });
    const cluster = clusterOf(zone);
    const name = `_acme-challenge.web.${lab.zoneName}`;
    aliases.set(name, `proofs.${lab.zoneName}`);
    const value = ownershipValue(cluster.uid, '6b1d2bd1-63f2-4b3c-9b51-1b8d9c8d2f10');
    const input = { cluster, zone, records: [{ name, value }] };
    await worker().publish(input);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({ [`proofs.${lab.zoneName}`]: [`"${value}"`] });
    await worker().withdraw(input);
    expect(await txtNames(lab.zoneId)).toEqual([]);
  });
});

it('the record to create is named where the zone of a cluster cannot be written', async () => {
  const zone = zoneTarget({ clusterName: 'c1', zoneName: lab.zoneName });
  const plain = record(`api.${lab.zoneName}`);
  const cluster = clusterOf(zone);
  const records = [{ ...plain, seal: SEALS.seal(cluster, { of: 'record', ...plain }) }];
  lab.kubernetes.putCredentials('ns', 'aws', 'AKIAREADONLY');
  lab.proxy.refuse = () => ({ status: 403, code: 'AccessDenied', message: 'Not this one.' });
  const failure = await failureOf(worker().publish({ cluster, zone, records }));
  expect(failure).toMatchObject({ code: 'dns/accessDenied' });
  expect(failure.remedy).toContain(
    `Create the DNS record \`${plain.name}. CNAME api.${lab.zoneName}.${challengeZone}.\``,
  );
});
