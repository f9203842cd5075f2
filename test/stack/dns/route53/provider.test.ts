import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createDnsActivities } from '../../../../activities/dns.ts';
import type { PlatformView } from '../../../../src/clusters/cluster-view.ts';
import type { ZoneTarget } from '../../../../src/clusters/zone-target.ts';
import { PlatformProvider, type PlatformProviderOptions } from '../../../../src/dns/registry.ts';
import type { Route53Settings } from '../../../../src/dns/route53/provider.ts';
import { type Moto, startMoto } from '../../../support/dns/dns-servers.ts';
import {
  FakeKubernetesApi,
  type Route53Proxy,
  startRoute53Proxy,
  zoneTarget,
} from '../../../support/dns/route53-proxy.ts';
import { failureOf, runActivity } from '../../../support/temporal/run-activity.ts';

const signal = new AbortController().signal;
const VALUE = 'v'.repeat(43);
const record = (name: string, value = VALUE) => ({ name: `_acme-challenge.${name}`, value });

let moto: Moto;
let proxy: Route53Proxy;
let kubernetes: FakeKubernetesApi;
let zoneId: string;
let zones = 0;
let zoneName: string;

beforeAll(async () => {
  moto = await startMoto();
  proxy = await startRoute53Proxy(moto.url);
  process.env['AWS_ENDPOINT_URL'] = proxy.url;
});
afterAll(async () => {
  delete process.env['AWS_ENDPOINT_URL'];
  await proxy.close();
  await moto.stop();
});
beforeEach(async () => {
  zoneName = `z${++zones}.example.com`;
  zoneId = await moto.createZone(zoneName);
  kubernetes = new FakeKubernetesApi();
  kubernetes.putCredentials('ns', 'aws', 'AKIAEXAMPLE');
  proxy.refuse = () => undefined;
  proxy.rewrite = (body) => body;
  proxy.requests.length = 0;
});

function provider(
  options: Partial<PlatformProviderOptions> = {},
  fedramp?: Route53Settings['fedramp'],
): PlatformProvider {
  return new PlatformProvider({
    kubernetes: kubernetes.asApi(),
    operatorNamespace: 'certman-operator',
    batchWindowMs: 50,
    needsNameServers: false,
    platform: fedramp && 'aws',
    settings: { route53: { requestsPerSecond: 1_000, fedramp } },
    ...options,
  });
}
const here = (namespace = 'ns') => zoneTarget({ namespace, zoneName });

const recordsOf = (namespace: string) =>
  ['api', 'rh-api', 'apps'].map((host) =>
    record(`${host}.${namespace}.${zoneName}`, `${namespace}${VALUE}`.slice(0, 43)),
  );
const input = () => ({ zone: here(), records: [record(zoneName)] });
type Input = ReturnType<typeof input>;
const publishing = (dns: PlatformProvider) => (given: Input) => createDnsActivities(dns).publishTxtRecords(given);
const withdrawing = (dns: PlatformProvider) => (given: Input) => createDnsActivities(dns).withdrawTxtRecords(given);

describe('publishing and withdrawing', () => {
  it('publishes both values of x and *.x, and withdraws both', async () => {
    const dns = provider();
    const name = `apps.${zoneName}`;
    const records = [record(name, 'one'), record(name, 'two')];
    const published = await dns.publish(here(), records, signal);
    expect(published).toMatchObject({ zoneId, change: expect.any(String) });
    expect(await moto.txtSets(zoneId)).toEqual({ [`_acme-challenge.${name}`]: ['"one"', '"two"'] });
    await dns.withdraw(here(), records, signal);
    expect(await moto.txtSets(zoneId)).toEqual({});
  });

  it('keeps foreign values of the same name when it publishes and when it withdraws', async () => {
    const dns = provider();
    const ours = record(zoneName);
    await moto.putTxt(zoneId, ours.name, ['"foreign"', '"in two" "parts"'], 300);
    await dns.publish(here(), [ours], signal);
    expect(await moto.txtSets(zoneId)).toEqual({ [ours.name]: ['"foreign"', '"in two" "parts"', `"${VALUE}"`] });
    await dns.withdraw(here(), [ours], signal);
    expect(await moto.txtSets(zoneId)).toEqual({ [ours.name]: ['"foreign"', '"in two" "parts"'] });
  });

  it('lets two orders share a name, each withdrawing its own value only', async () => {
    const dns = provider();
    const [mine, yours] = [record(zoneName, 'mine'), record(zoneName, 'yours')];
    await Promise.all([dns.publish(here(), [mine], signal), dns.publish(here(), [yours], signal)]);
    await dns.withdraw(here(), [mine], signal);
    expect(await moto.txtSets(zoneId)).toEqual({ [mine.name]: ['"yours"'] });
  });

  it('publishes again what was withdrawn, and twice what is published already', async () => {
    const dns = provider();
    const ours = record(zoneName);
    await moto.putTxt(zoneId, `zzz.${zoneName}`, ['"last"']);
    await dns.publish(here(), [ours], signal);
    await dns.withdraw(here(), [ours], signal);
    await dns.publish(here(), [ours], signal);
    await dns.publish(here(), [ours], signal);
    expect((await moto.txtSets(zoneId))[ours.name]).toEqual([`"${VALUE}"`]);
  });

  it('counts a missing value, name or zone as withdrawn', async () => {
    const dns = provider();
    await moto.putTxt(zoneId, record(zoneName).name, ['"foreign"']);
    await dns.withdraw(here(), [record(zoneName), record(`never.${zoneName}`), record('other.example.org')], signal);
    await dns.withdraw(zoneTarget({ zoneName: 'gone.example.org' }), [record('gone.example.org')], signal);
    expect(await moto.txtSets(zoneId)).toEqual({ [record(zoneName).name]: ['"foreign"'] });
  });

  it('rejects a name outside of the zone before it gets into a batch', async () => {
    const asked = [
      { zone: here(), object: 'ClusterDeployment' },
      { zone: zoneTarget({ zoneName, kind: 'CertificateRequest' }), object: 'CertificateRequest' },
    ];
    for (const { zone, object } of asked) {
      await expect(provider().publish(zone, [record('example.org')], signal)).rejects.toMatchObject({
        info: { code: 'dns/nameOutsideZone', remedy: expect.stringContaining(object) as string },
      });
    }
    expect(proxy.requests).toEqual([]);
  });

  it('publishes and withdraws the records of 205 clusters in one zone with a handful of requests', async () => {
    const dns = provider();
    const clusters = Array.from({ length: 205 }, (_, n) => `ns${n}`);
    for (const namespace of clusters) kubernetes.putCredentials(namespace, 'aws', 'AKIAEXAMPLE');
    await Promise.all(clusters.map((namespace) => dns.publish(here(namespace), recordsOf(namespace), signal)));
    expect(Object.keys(await moto.txtSets(zoneId))).toHaveLength(615);
    expect(proxy.counts()).toEqual({ ListHostedZones: 1, ListResourceRecordSets: 1, ChangeResourceRecordSets: 1 });
    proxy.requests.length = 0;
    await Promise.all(clusters.map((namespace) => dns.withdraw(here(namespace), recordsOf(namespace), signal)));
    expect(await moto.txtSets(zoneId)).toEqual({});
    expect(proxy.counts()).toEqual({ ListResourceRecordSets: 3, ChangeResourceRecordSets: 1 });
  });
});

describe('a refusal by Route 53', () => {
  it('fails only the cluster whose name is refused', async () => {
    const refusal = { status: 400, code: 'InvalidChangeBatch', message: 'RRSet of type TXT is not permitted' };
    proxy.refuse = ({ method, body }) => (method === 'POST' && body.includes('bad.') ? refusal : undefined);
    const dns = provider();
    const names = Array.from({ length: 20 }, (_, n) => (n === 13 ? `bad.${zoneName}` : `good${n}.${zoneName}`));
    const outcomes = await Promise.allSettled(names.map((name) => dns.publish(here(), [record(name)], signal)));
    const failed = outcomes.flatMap((outcome, n) => (outcome.status === 'rejected' ? [[n, outcome.reason.code]] : []));
    expect(failed).toEqual([[13, 'dns/changeRefused']]);
    expect(Object.keys(await moto.txtSets(zoneId))).toHaveLength(19);
  });

  it('retries after throttling and after another program’s change in progress', async () => {
    const codes = ['Throttling', 'PriorRequestNotComplete'];
    proxy.refuse = ({ method }) => {
      const code = method === 'POST' ? codes.shift() : undefined;
      return code === undefined ? undefined : { status: 400, code, message: 'Rate exceeded' };
    };
    await provider().publish(here(), [record(zoneName)], signal);
    expect(Object.keys(await moto.txtSets(zoneId))).toHaveLength(1);
    expect(proxy.counts()['ChangeResourceRecordSets']).toBe(3);
  });

  it('looks the zone up again when it was re-created under another id', async () => {
    const dns = provider();
    kubernetes.put('DNSZone', 'ns', 'zone', { spec: { zone: zoneName }, status: { aws: { zoneID: 'ZOLD' } } });
    await expect(dns.publish(here(), [record(zoneName)], signal)).rejects.toMatchObject({ code: 'dns/zoneNotFound' });
    kubernetes.put('DNSZone', 'ns', 'zone', { spec: { zone: zoneName }, status: { aws: { zoneID: zoneId } } });
    expect(await dns.publish(here(), [record(zoneName)], signal)).toMatchObject({ zoneId });
  });

  it('reports AccessDenied, and uses new credentials as soon as the Secret has them', async () => {
    proxy.refuse = () => ({ status: 403, code: 'InvalidClientTokenId', message: 'The security token is invalid.' });
    const dns = provider();
    await expect(dns.publish(here(), [record(zoneName)], signal)).rejects.toMatchObject({
      code: 'dns/accessDenied',
      message: expect.stringContaining('InvalidClientTokenId: The security token is invalid.'),
    });
    proxy.refuse = () => undefined;
    kubernetes.putCredentials('ns', 'aws', 'AKIARIGHT');
    await dns.publish(here(), [record(zoneName)], signal);
  });
});

describe('credentials', () => {
  it('that are missing or malformed have failures of their own, and are read again at the next attempt', async () => {
    const dns = provider();
    kubernetes.objects.clear();
    await expect(dns.publish(here(), [record(zoneName)], signal)).rejects.toMatchObject({
      code: 'dns/credentialsMissing',
    });
    kubernetes.put('Secret', 'ns', 'aws', { data: { aws_access_key_id: Buffer.from('AKIA X').toString('base64') } });
    await expect(dns.publish(here(), [record(zoneName)], signal)).rejects.toMatchObject({
      code: 'dns/credentialsMalformed',
    });
    kubernetes.putCredentials('ns', 'aws', 'AKIAEXAMPLE');
    await dns.publish(here(), [record(zoneName)], signal);
  });

  it('of an STS cluster are assumed: the jump role first, then the customer’s', async () => {
    kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
    kubernetes.put('ConfigMap', 'aws-account-operator', 'aws-account-operator-configmap', {
      data: { 'sts-jump-role': 'arn:aws:iam::111111111111:role/jump' },
    });
    kubernetes.put('AccountClaim', 'ns', 'c1', {
      spec: { stsRoleARN: 'arn:aws:iam::123456789012:role/customer', stsExternalID: 'external' },
    });
    const sts = zoneTarget({ zoneName, platform: { kind: 'aws', region: 'us-east-1', sts: true } });
    const dns = provider();
    await dns.publish(sts, [record(zoneName)], signal);
    await dns.withdraw(sts, [record(zoneName)], signal);
    const assumed = proxy.requests.filter(({ body }) => body.includes('Action=AssumeRole'));
    expect(assumed.map(({ body }) => new URLSearchParams(body).get('RoleArn'))).toEqual([
      'arn:aws:iam::111111111111:role/jump',
      'arn:aws:iam::123456789012:role/customer',
    ]);
    expect(new URLSearchParams(assumed[1]?.body).get('ExternalId')).toBe('external');
  });

  it('of STS clusters are sessions named after the cluster, also where clusters have one role', async () => {
    kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
    kubernetes.put('ConfigMap', 'aws-account-operator', 'aws-account-operator-configmap', {
      data: { 'sts-jump-role': 'arn:aws:iam::111111111111:role/jump' },
    });
    const dns = provider();
    for (const clusterName of ['c1', 'c2']) {
      kubernetes.put('AccountClaim', 'ns', clusterName, {
        spec: { stsRoleARN: 'arn:aws:iam::123456789012:role/customer' },
      });
      const platform = { kind: 'aws', region: 'us-east-1', sts: true } as const;
      await dns.publish(zoneTarget({ zoneName, clusterName, platform }), [record(zoneName)], signal);
    }
    const assumed = proxy.requests.filter(({ body }) => body.includes('Action=AssumeRole'));
    expect(assumed.map(({ body }) => new URLSearchParams(body).get('RoleSessionName'))).toEqual([
      'certman',
      'certman@ns.c1',
      'certman@ns.c2',
    ]);
  });

  it('are certman’s own in FedRAMP mode, with one zone for all', async () => {
    kubernetes.objects.clear();
    kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
    const dns = provider({}, { hostedZoneId: `/hostedzone/${zoneId}`, standaloneRequests: false });
    const deep = zoneTarget({ zoneName: `deep.${zoneName}` });
    expect(await dns.publish(deep, [record(`deep.${zoneName}`)], signal)).toMatchObject({ zoneId });
    expect(proxy.counts()).toEqual({ ListResourceRecordSets: 1, ChangeResourceRecordSets: 1 });
  });

  describe('of a standalone CertificateRequest', () => {
    const alone = (parts: Partial<Extract<PlatformView, { readonly kind: 'aws' }>> = {}) =>
      zoneTarget({
        zoneName,
        clusterName: 'web',
        kind: 'CertificateRequest',
        platform: { kind: 'aws', region: 'us-east-1', sts: false, ...parts },
      });

    /** By every method that takes a target. */
    async function expectRefused(dns: PlatformProvider, asked: ZoneTarget, said: RegExp): Promise<void> {
      const refusal = { code: 'dns/credentialsMissing', message: expect.stringMatching(said) as string };
      await expect(dns.publish(asked, [record(zoneName)], signal)).rejects.toMatchObject(refusal);
      await expect(dns.withdraw(asked, [record(zoneName)], signal)).rejects.toMatchObject(refusal);
      await expect(dns.awaitLive(asked, 'C1', signal)).rejects.toMatchObject(refusal);
    }

    it('are those of its Secret, never the worker’s own, even when these are cached', async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAWORKER');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
      onTestFinished(() => void vi.unstubAllEnvs());
      const dns = provider();
      const lent = zoneTarget({ zoneName, platform: { kind: 'aws', region: 'us-east-1', sts: false } });
      await dns.publish(lent, [record(zoneName)], signal);
      const { length } = proxy.requests;
      await expectRefused(dns, alone(), /^CertificateRequest ns\/web is standalone, .*names no Secret/);
      expect(proxy.requests).toHaveLength(length);
      await dns.publish(alone({ credentialsSecret: 'aws' }), [record(zoneName)], signal);
    });

    it('are never the roles of an STS cluster in its namespace, though it has the name of its AccountClaim', async () => {
      kubernetes.put('AccountClaim', 'ns', 'web', { spec: { stsRoleARN: 'arn:aws:iam::123456789012:role/customer' } });
      await expectRefused(provider(), alone({ sts: true, credentialsSecret: 'aws' }), /names no Secret/);
      expect(proxy.requests).toEqual([]);
    });

    it('are not certman’s own in FedRAMP mode, unless a setting allows it', async () => {
      kubernetes.objects.clear();
      kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
      const fedramp = { hostedZoneId: zoneId, standaloneRequests: false };
      const asked = alone({ credentialsSecret: 'aws' });
      const dns = provider({}, fedramp);
      await dns.publish(zoneTarget({ zoneName }), [record(zoneName)], signal);
      await expectRefused(dns, asked, /in FedRAMP mode/);
      const allowed = provider({}, { ...fedramp, standaloneRequests: true });
      expect(await allowed.publish(asked, [record(zoneName)], signal)).toMatchObject({ zoneId });
    });
  });

  it('do not exist for platforms that are not served', async () => {
    const gcp = zoneTarget({ zoneName, platform: { kind: 'gcp', credentialsSecret: 'gcp' } });
    await expect(provider().publish(gcp, [record(zoneName)], signal)).rejects.toMatchObject({
      code: 'dns/platformUnsupported',
    });
  });
});

describe('finding the zone', () => {
  it('takes Hive’s DNSZone of that name without asking AWS for zones or name servers', async () => {
    kubernetes.put('DNSZone', 'ns', 'other', {
      spec: { zone: 'other.example.com' },
      status: { aws: { zoneID: 'ZOTHER' } },
    });
    kubernetes.put('DNSZone', 'ns', 'zone', {
      spec: { zone: zoneName },
      status: { nameServers: ['ns-1.example.net.'], aws: { zoneID: zoneId } },
    });
    const published = await provider({ needsNameServers: true }).publish(here(), [record(zoneName)], signal);
    expect(published).toMatchObject({ zoneId, nameServers: ['ns-1.example.net'] });
    expect(proxy.counts()).toEqual({ ListResourceRecordSets: 1, ChangeResourceRecordSets: 1 });
  });

  it('says that Hive has not made it yet', async () => {
    kubernetes.put('DNSZone', 'ns', 'zone', { spec: { zone: zoneName }, status: {} });
    await expect(provider().publish(here(), [record(zoneName)], signal)).rejects.toMatchObject({
      code: 'dns/zoneNotFound',
      message: expect.stringContaining('DNSZone ns/zone has no status.aws.zoneID'),
    });
  });

  it('looks it up by name, with its name servers, and keeps both', async () => {
    const dns = provider({ needsNameServers: true });
    const deep = zoneTarget({ zoneName: `deep.${zoneName}` });
    const published = await dns.publish(deep, [record(`deep.${zoneName}`)], signal);
    expect(published.zoneId).toBe(zoneId);
    expect(published.nameServers.length).toBeGreaterThan(1);
    await dns.publish(deep, [record(`x.deep.${zoneName}`)], signal);
    expect(proxy.counts()).toMatchObject({ ListHostedZones: 1, GetHostedZone: 1 });
  });

  it('finds a zone beyond the first hundred', async () => {
    for (let n = 0; n < 110; n++) await moto.createZone(`m${n}.many.example.net`);
    const last = await moto.createZone('last.many.example.net');
    const beyond = zoneTarget({ zoneName: 'last.many.example.net' });
    const published = await provider().publish(beyond, [record('last.many.example.net')], signal);
    expect(published.zoneId).toBe(last);
    expect(proxy.counts()['ListHostedZones']).toBeGreaterThan(1);
  });

  it('names both of two zones of one name, and goes on when one is gone', async () => {
    const double = await moto.createZone(zoneName);
    const dns = provider();
    await expect(dns.publish(here(), [record(zoneName)], signal)).rejects.toMatchObject({
      code: 'dns/zoneAmbiguous',
      message: expect.stringMatching(new RegExp(`${zoneId}.*${double}|${double}.*${zoneId}`)),
    });
  });

  it('leaves private zones out', async () => {
    const name = `private.${zoneName}`;
    await moto.createZone(name, { private: true });
    expect(await provider().publish(zoneTarget({ zoneName: name }), [record(name)], signal)).toMatchObject({ zoneId });
  });

  it('sees a zone that was created after the list was read', async () => {
    const dns = provider();
    await dns.publish(here(), [record(zoneName)], signal);
    const late = zoneTarget({ zoneName: `late${zones}.example.org` });
    await expect(dns.publish(late, [record(late.zoneName)], signal)).rejects.toMatchObject({
      code: 'dns/zoneNotFound',
    });
    const lateId = await moto.createZone(late.zoneName);
    expect(await dns.publish(late, [record(late.zoneName)], signal)).toMatchObject({ zoneId: lateId });
  });
});

describe('the activities', () => {
  it('publish, say where, and withdraw', async () => {
    const dns = provider();
    expect(await runActivity(publishing(dns), input())).toEqual({ zoneId, nameServers: [] });
    await runActivity(withdrawing(dns), input());
    expect(await moto.txtSets(zoneId)).toEqual({});
  });

  it('leave a change that stays PENDING to the next attempt, which does not change again', async () => {
    proxy.rewrite = (body) => body.replaceAll('INSYNC', 'PENDING');
    const publishTxtRecords = publishing(provider({ pollIntervalMs: 2_000 }));
    let details: unknown;
    const onHeartbeat = (seen: unknown): void => {
      details = seen;
    };
    const failure = await failureOf(runActivity(publishTxtRecords, input(), { onHeartbeat }));
    expect(failure).toMatchObject({ code: 'dns/pending', retryDelayMs: expect.any(Number) });
    expect(details).toMatchObject({ zoneId, change: expect.any(String) });
    proxy.rewrite = (body) => body;
    proxy.requests.length = 0;
    const published = await runActivity(publishTxtRecords, input(), { attempt: 2, heartbeatDetails: details });
    expect(published).toEqual({ zoneId, nameServers: [] });
    expect(proxy.counts()).toEqual({ GetChange: 1 });
  });

  it('say of a failure whether the records may be there all the same', async () => {
    kubernetes.objects.clear();
    const publishTxtRecords = publishing(provider());
    const first = await failureOf(runActivity(publishTxtRecords, input()));
    expect(first).toMatchObject({ code: 'dns/credentialsMissing' });
    expect(first).not.toHaveProperty('outcomeUnknown');
    const heartbeatDetails = { zoneId, nameServers: [], change: 'C1' };
    const sent = { code: 'dns/credentialsMissing', message: first.message, remedy: first.remedy, outcomeUnknown: true };
    expect(await failureOf(runActivity(publishTxtRecords, input(), { heartbeatDetails }))).toMatchObject(sent);
    // The worker of the first attempt may have died between the change and the heartbeat.
    expect(await failureOf(runActivity(publishTxtRecords, input(), { attempt: 2 }))).toMatchObject(sent);
  });

  it('say that they are there when only the name servers of the zone may not be asked for', async () => {
    proxy.refuse = ({ method, path }) =>
      method === 'GET' && /\/hostedzone\/[^/?]+$/.test(path)
        ? { status: 403, code: 'AccessDenied', message: 'Not this one.' }
        : undefined;
    const publishTxtRecords = publishing(provider({ needsNameServers: true }));
    const failure = await failureOf(runActivity(publishTxtRecords, input()));
    expect(failure).toMatchObject({ code: 'dns/accessDenied', outcomeUnknown: true });
    expect(Object.keys(await moto.txtSets(zoneId))).not.toEqual([]);
  });

  it('leave the batch when they are cancelled before it is sent', async () => {
    const publishTxtRecords = publishing(provider({ batchWindowMs: 300 }));
    const running = runActivity(publishTxtRecords, input(), {
      onStart: (cancel) => {
        setTimeout(cancel, 100);
      },
    });
    await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await moto.txtSets(zoneId)).toEqual({});
  });
});
