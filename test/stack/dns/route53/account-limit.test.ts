import { describe, expect, it } from 'vitest';
import { createDnsActivities } from '../../../../activities/dns.ts';
import type { ZoneTarget } from '../../../../src/clusters/zone-target.ts';
import { CertmanError } from '../../../../src/failures/failure.ts';
import { record, SINCE, signal, useRoute53 } from '../../../support/dns/route53-harness.ts';
import { zoneTarget } from '../../../support/dns/route53-proxy.ts';
import { SEALED, sealedInput } from '../../../support/dns/sealed-records.ts';
import { failureOf, runActivity } from '../../../support/temporal/run-activity.ts';

const lab = useRoute53();

/** Clusters with a zone each, in the AWS account of the key. */
async function clustersWithZones(count: number, keyId: string): Promise<readonly ZoneTarget[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const zoneName = `${keyId.toLowerCase()}-${n}.${lab.zoneName}`;
      const namespace = `${keyId}-${n}`;
      const zoneID = await lab.moto.createZone(zoneName);
      lab.kubernetes.putCredentials(namespace, 'aws', keyId);
      lab.kubernetes.put('DNSZone', namespace, 'zone', { spec: { zone: zoneName }, status: { aws: { zoneID } } });
      return zoneTarget({ namespace, zoneName });
    }),
  );
}

const recordsOf = ({ zoneName }: ZoneTarget) => [record(zoneName)];

describe('an AWS account at its rate limit', () => {
  it('leaves the worker to a cluster of another account, and occupies few of its slots', async () => {
    const dns = lab.provider({}, { requestsPerSecond: 2 });
    const busy = await clustersWithZones(60, 'AKIABUSY');
    const [other] = await clustersWithZones(1, 'AKIAOTHER');
    if (other === undefined) throw new Error('no cluster');
    let waiting = 0;
    const outcomes = Promise.allSettled(
      busy.map(async (zone) => {
        waiting++;
        await dns.publish(zone, recordsOf(zone), signal, SINCE).finally(() => waiting--);
      }),
    );
    await dns.publish(other, recordsOf(other), signal, SINCE);
    // Of all others, each knows its turn.
    expect(waiting).toBeLessThan(10);
    const refused = (await outcomes).flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    const turns = refused.map((error) => (error instanceof CertmanError ? error.info.notBefore : undefined));
    expect(refused.length).toBeGreaterThan(50);
    expect(turns.every(Boolean)).toBe(true);
    expect(new Set(turns).size).toBeGreaterThan(50);
  });

  it('publishes in all zones with one change each, when each comes back at its turn', async () => {
    lab.proxy.rewrite = (body) => body.replaceAll('INSYNC', 'PENDING');
    const dns = lab.provider({}, { requestsPerSecond: 20 });
    const activities = createDnsActivities(dns, SEALED);
    const clusters = await clustersWithZones(60, 'AKIAONE');
    const published = async (zone: ZoneTarget): Promise<string> => {
      for (let attempt = 1; ; attempt++) {
        const input = sealedInput(zone, recordsOf(zone));
        const running = runActivity((given: typeof input) => activities.publishTxtRecords(given), input, { attempt });
        const { code, retryDelayMs = 0 } = await failureOf(running);
        if (code !== 'dns/queued') return code;
        await new Promise((resolve) => setTimeout(resolve, retryDelayMs));
      }
    };
    expect(new Set(await Promise.all(clusters.map(published)))).toEqual(new Set(['dns/pending']));
    expect(lab.proxy.counts()).toEqual({ ChangeResourceRecordSets: 60 });
  });

  it('lets orders that share a zone share its turn', async () => {
    const dns = lab.provider({}, { requestsPerSecond: 1 });
    const names = Array.from({ length: 60 }, (_, n) => `c${n}.${lab.zoneName}`);
    lab.kubernetes.put('DNSZone', 'ns', 'zone', {
      spec: { zone: lab.zoneName },
      status: { aws: { zoneID: lab.zoneId } },
    });
    await Promise.all(names.map((name) => dns.publish(lab.here(), [record(name)], signal, SINCE)));
    expect(lab.proxy.counts()).toEqual({ ChangeResourceRecordSets: 1 });
  });
});
