/** The sweep, which removes what a crash left behind, against moto with Route 53's rules. */

import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDnsActivities } from '../../../../activities/dns.ts';
import type { TxtRecord } from '../../../../src/certificates/dns-name.ts';
import { KeyedWorkQueue } from '../../../../src/controller/keyed-work-queue.ts';
import { runTxtJanitor } from '../../../../src/controller/txt-janitor.ts';
import type { DnsTarget } from '../../../../src/dns/provider.ts';
import type { PlatformProvider } from '../../../../src/dns/registry.ts';
import {
  challengeZoneTarget,
  type SweptZone,
  sweepZones,
  type TxtSweepOptions,
} from '../../../../src/dns/txt-sweep.ts';
import { OPERATOR_AWS_SECRET } from '../../../../src/kubernetes/objects/aws-credentials.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import { record, signal, useRoute53, VALUE } from '../../../support/dns/route53-harness.ts';
import { zoneTarget } from '../../../support/dns/route53-proxy.ts';
import { clusterOf, SEALED, SEALS } from '../../../support/dns/sealed-records.ts';
import { runActivity } from '../../../support/temporal/run-activity.ts';

const lab = useRoute53();
const HOUR = 3_600_000;

/** A sealed record with its tag, as `placeOrder` returns it. */
function ordered(host: string, { expiresInHours = -2, value = VALUE, clusterName = 'c1' } = {}) {
  const cluster = clusterOf(zoneTarget({ zoneName: lab.zoneName, clusterName }));
  const one = record(`${host}.${lab.zoneName}`, value);
  const owner = SEALS.ownerTag(one, new Date(Date.now() + expiresInHours * HOUR));
  return { ...one, seal: SEALS.seal(cluster, { of: 'record', ...one }), owner };
}

/** What an order publishes; withdraws with `withdraw`. */
async function order(dns: PlatformProvider, records: readonly ReturnType<typeof ordered>[], withdraw = false) {
  const zone = lab.here();
  const activities = createDnsActivities(dns, SEALED);
  const input = { cluster: clusterOf(zone), zone, records };
  await runActivity((given: typeof input) => activities.publishTxtRecords(given), input);
  if (withdraw) await runActivity((given: typeof input) => activities.withdrawTxtRecords(given), input);
}

async function sweep(targets: readonly DnsTarget[], options: Partial<TxtSweepOptions> = {}) {
  const zones: SweptZone[] = [];
  const defaults = { dns: lab.provider(), tags: SEALS, signal, requestIntervalMs: 0 };
  for await (const zone of sweepZones(targets, { ...defaults, ...options })) zones.push(zone);
  return zones;
}

const values = (records: readonly (TxtRecord & { readonly owner: string })[]) =>
  Object.fromEntries(records.map(({ name, value, owner }) => [name, [`"${value}"`, `"${owner}"`]]));

beforeEach(() => {
  lab.proxy.requests.length = 0;
});
afterEach(() => {
  lab.proxy.refuse = () => undefined;
});

describe('an order', () => {
  it('publishes the owner tags with the values, and withdraws them with them, in one change each', async () => {
    const records = [ordered('api'), ordered('apps')];
    await order(lab.provider(), records);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual(values(records));
    await order(lab.provider(), records, true);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
    lab.proxy.requests.length = 0;
    await order(lab.provider(), records, true);
    expect(lab.proxy.counts()['ChangeResourceRecordSets']).toBe(2);
    expect(lab.proxy.counts()).not.toHaveProperty('ListResourceRecordSets');
  });

  it('publishes no tag that is for another value', async () => {
    const one = ordered('api');
    await order(lab.provider(), [{ ...one, owner: ordered('api', { value: 'w'.repeat(43) }).owner }]);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({ [one.name]: [`"${VALUE}"`] });
  });
});

describe('a sweep', () => {
  it('removes what crashed orders left in a zone, in one change; a withdrawal that comes later succeeds', async () => {
    const left = Array.from({ length: 20 }, (_, n) => ordered(`api.c${n}`));
    await order(lab.provider(), left);
    lab.proxy.requests.length = 0;
    const [swept, ...others] = await sweep([lab.here()]);
    expect(others).toEqual([]);
    expect(swept).toMatchObject({ outcome: 'swept', inUse: 0 });
    expect(swept?.outcome === 'swept' && swept.removed).toHaveLength(40);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
    expect(lab.proxy.counts()).toMatchObject({ ListResourceRecordSets: 1, ChangeResourceRecordSets: 1 });
    const zone = lab.here();
    const activities = createDnsActivities(lab.provider(), SEALED);
    const input = { cluster: clusterOf(zone), zone, records: left };
    await runActivity((given: typeof input) => activities.withdrawTxtRecords(given), input);
  });

  it('leaves what others have at the same name, and what orders in progress may need', async () => {
    const one = ordered('api');
    const inProgress = ordered('apps', { expiresInHours: 5 });
    await lab.moto.putTxt(lab.zoneId, one.name, ['"of cert-manager"', '"in two" "parts"'], 300);
    await lab.moto.putTxt(lab.zoneId, lab.zoneName, ['"v=spf1 -all"']);
    await order(lab.provider(), [one, inProgress]);
    expect(await sweep([lab.here()])).toMatchObject([{ outcome: 'swept', removed: [{ value: VALUE }, {}], inUse: 1 }]);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({
      [one.name]: ['"of cert-manager"', '"in two" "parts"'],
      [lab.zoneName]: ['"v=spf1 -all"'],
      ...values([inProgress]),
    });
  });

  it('removes nothing with dryRun, and says what it would', async () => {
    const left = ordered('api');
    await order(lab.provider(), [left]);
    const [swept] = await sweep([lab.here()], { dryRun: true });
    expect(swept).toMatchObject({ removed: [{ name: left.name, value: VALUE }, { value: left.owner }] });
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual(values([left]));
  });

  it('goes through all pages of a zone', async () => {
    const names = Array.from({ length: 620 }, (_, n) => record(`n${n}.${lab.zoneName}`, 'foreign'));
    const dns = lab.provider();
    await dns.publish(lab.here(), names, signal, 0);
    const left = [ordered('a'), ordered('n300x'), ordered('zzz')];
    await order(dns, left);
    lab.proxy.requests.length = 0;
    expect(await sweep([lab.here()])).toMatchObject([{ outcome: 'swept', removed: { length: 6 } }]);
    expect(lab.proxy.counts()['ListResourceRecordSets']).toBe(3);
    expect(Object.keys(await lab.moto.txtSets(lab.zoneId))).toHaveLength(620);
  });

  it('looks at a zone that clusters share once, and removes what is of clusters that are gone', async () => {
    const settings = { fedramp: { hostedZoneId: lab.zoneId, standaloneRequests: false } };
    lab.kubernetes.putCredentials('certman-operator', OPERATOR_AWS_SECRET, 'AKIAOWN');
    await order(lab.provider(), [ordered('api.gone')]);
    lab.proxy.requests.length = 0;
    const targets = ['c1', 'c2', 'c3'].map((clusterName) =>
      zoneTarget({ clusterName, zoneName: `${clusterName}.${lab.zoneName}` }),
    );
    const results = await sweep(targets, { dns: lab.provider({}, settings) });
    expect(results.map(({ outcome }) => outcome)).toEqual(['swept']);
    expect(lab.proxy.counts()['ListResourceRecordSets']).toBe(1);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
  });

  it('removes records of a challenge zone, also of one that the settings no longer name', async () => {
    const zoneName = `acme.${lab.zoneName}`;
    const zoneId = await lab.moto.createZone(zoneName);
    const name = `api.c1.${zoneName}`;
    const owner = SEALS.ownerTag({ name, value: VALUE }, new Date(Date.now() - 2 * HOUR));
    await lab.moto.putTxt(zoneId, name, [`"${VALUE}"`, `"${owner}"`]);
    lab.kubernetes.putCredentials('certman-operator', 'acme-old', 'AKIAOLD');
    const dns = lab.provider({}, { challengeZone: { credentialsSecret: 'acme-old' } });
    expect(await sweep([challengeZoneTarget(zoneName)], { dns })).toMatchObject([{ outcome: 'swept' }]);
    expect(await lab.moto.txtSets(zoneId)).toEqual({});
    expect(new Set(lab.proxy.requests.map(({ keyId }) => keyId))).toEqual(new Set(['AKIAOLD']));
  });

  it('waits while it is throttled', async () => {
    await order(lab.provider(), [ordered('api')]);
    let refusals = 0;
    lab.proxy.refuse = ({ path }) =>
      /\/rrset/.test(path) && refusals++ === 0
        ? { status: 400, code: 'Throttling', message: 'Rate exceeded' }
        : undefined;
    expect(await sweep([lab.here()])).toMatchObject([{ outcome: 'swept', removed: { length: 2 } }]);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
  });

  it('goes on past zones that are gone or refuse it', async () => {
    await order(lab.provider(), [ordered('api')]);
    lab.kubernetes.putCredentials('ns', 'refused', 'AKIAREFUSED');
    lab.proxy.refuse = ({ keyId }) =>
      keyId === 'AKIAREFUSED' ? { status: 403, code: 'AccessDenied', message: 'Not you.' } : undefined;
    const refused = zoneTarget({
      zoneName: `other.${lab.zoneName}`,
      platform: { kind: 'aws', region: 'us-east-1', credentialsSecret: 'refused', sts: false },
    });
    const unserved = zoneTarget({ platform: { kind: 'unsupported', found: 'ibmcloud' } });
    const results = await sweep([zoneTarget({ zoneName: 'gone.example' }), refused, unserved, lab.here()]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['gone', 'failed', 'swept']);
    expect(results[1]).toMatchObject({ failure: { code: 'dns/accessDenied' } });
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
  });

  it('is run by the controller, which logs and counts what it removed', async () => {
    const left = ordered('api');
    await order(lab.provider(), [left]);
    lab.kubernetes.put('ClusterDeployment', 'ns', 'c1', clusterDeployment());
    const registry = new Registry();
    const stop = new AbortController();
    const logged: object[] = [];
    const log = (fields: object, message: string): void => {
      logged.push({ ...fields, message });
      if (message.startsWith('Swept')) stop.abort(new Error('enough'));
    };
    const running = runTxtJanitor(
      {
        kubernetes: lab.kubernetes.asApi(),
        queue: new KeyedWorkQueue(1, 1),
        settings: {
          managementCluster: 'hive',
          operatorNamespace: 'certman-operator',
          resyncIntervalMs: 1,
          workerName: 'w',
        },
        metrics: createMetrics(registry),
        logger: { info: log, warn: log, error: log },
        signal: stop.signal,
      },
      { dns: lab.provider(), tags: () => Promise.resolve(SEALS), firstDelayMs: 1, requestIntervalMs: 0 },
    );
    await expect(running).rejects.toThrow('enough');
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
    expect(logged).toMatchObject([
      { zone: lab.zoneName, removed: 2, records: [`${left.name} ${VALUE}`, `${left.name} ${left.owner}`] },
      { swept: 1, gone: 0, failed: 0, removed: 2, inUse: 0 },
    ]);
    const exposed = await registry.metrics();
    expect(exposed).toContain('certman_dns_leftover_records_removed_total 2');
    expect(exposed).toContain('certman_dns_swept_zones_total{outcome="swept"} 1');
  });
});

function clusterDeployment(): object {
  return {
    metadata: {
      name: 'c1',
      namespace: 'ns',
      uid: 'uid-of-c1',
      labels: { 'api.openshift.com/managed': 'true' },
    },
    spec: {
      installed: true,
      clusterName: 'c1',
      baseDomain: lab.zoneName,
      platform: { aws: { region: 'us-east-1', credentialsSecretRef: { name: 'aws' } } },
      certificateBundles: [],
    },
  };
}
