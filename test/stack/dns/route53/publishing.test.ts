import { describe, expect, it } from 'vitest';
import { record, SINCE, signal, useRoute53, VALUE } from '../../../support/dns/route53-harness.ts';
import { zoneTarget } from '../../../support/dns/route53-proxy.ts';

const lab = useRoute53();

const recordsOf = (namespace: string) =>
  ['api', 'rh-api', 'apps'].map((host) =>
    record(`${host}.${namespace}.${lab.zoneName}`, `${namespace}${VALUE}`.slice(0, 43)),
  );

describe('publishing and withdrawing', () => {
  it('publishes both values of x and *.x, and withdraws both', async () => {
    const dns = lab.provider();
    const name = `apps.${lab.zoneName}`;
    const records = [record(name, 'one'), record(name, 'two')];
    const published = await dns.publish(lab.here(), records, signal, SINCE);
    expect(published).toMatchObject({ zoneId: lab.zoneId, change: expect.any(String) });
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({ [`_acme-challenge.${name}`]: ['"one"', '"two"'] });
    await dns.withdraw(lab.here(), records, signal);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
  });

  it('keeps foreign values of the same name when it publishes and when it withdraws', async () => {
    const dns = lab.provider();
    const ours = record(lab.zoneName);
    await lab.moto.putTxt(lab.zoneId, ours.name, ['"foreign"', '"in two" "parts"'], 300);
    await dns.publish(lab.here(), [ours], signal, SINCE);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({
      [ours.name]: ['"foreign"', '"in two" "parts"', `"${VALUE}"`],
    });
    await dns.withdraw(lab.here(), [ours], signal);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({ [ours.name]: ['"foreign"', '"in two" "parts"'] });
  });

  it('lets two orders share a name, each withdrawing its own value only', async () => {
    const dns = lab.provider();
    const [mine, yours] = [record(lab.zoneName, 'mine'), record(lab.zoneName, 'yours')];
    await Promise.all([
      dns.publish(lab.here(), [mine], signal, SINCE),
      dns.publish(lab.here(), [yours], signal, SINCE),
    ]);
    await dns.withdraw(lab.here(), [mine], signal);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({ [mine.name]: ['"yours"'] });
  });

  it('publishes again what was withdrawn, and twice what is published already', async () => {
    const dns = lab.provider();
    const ours = record(lab.zoneName);
    await lab.moto.putTxt(lab.zoneId, `zzz.${lab.zoneName}`, ['"last"']);
    await dns.publish(lab.here(), [ours], signal, SINCE);
    await dns.withdraw(lab.here(), [ours], signal);
    await dns.publish(lab.here(), [ours], signal, SINCE);
    await dns.publish(lab.here(), [ours], signal, SINCE);
    expect((await lab.moto.txtSets(lab.zoneId))[ours.name]).toEqual([`"${VALUE}"`]);
  });

  it('counts a missing value, name or zone as withdrawn', async () => {
    const dns = lab.provider();
    await lab.moto.putTxt(lab.zoneId, record(lab.zoneName).name, ['"foreign"']);
    await dns.withdraw(
      lab.here(),
      [record(lab.zoneName), record(`never.${lab.zoneName}`), record('other.example.org')],
      signal,
    );
    await dns.withdraw(zoneTarget({ zoneName: 'gone.example.org' }), [record('gone.example.org')], signal);
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({ [record(lab.zoneName).name]: ['"foreign"'] });
  });

  it('rejects a name outside of the zone before it gets into a batch', async () => {
    const asked = [
      { zone: lab.here(), object: 'ClusterDeployment' },
      { zone: zoneTarget({ zoneName: lab.zoneName, kind: 'CertificateRequest' }), object: 'CertificateRequest' },
    ];
    for (const { zone, object } of asked) {
      await expect(lab.provider().publish(zone, [record('example.org')], signal, SINCE)).rejects.toMatchObject({
        info: { code: 'dns/nameOutsideZone', remedy: expect.stringContaining(object) as string },
      });
    }
    expect(lab.proxy.requests).toEqual([]);
  });

  it('publishes and withdraws the records of 205 clusters in one zone with a handful of requests', async () => {
    const dns = lab.provider();
    const clusters = Array.from({ length: 205 }, (_, n) => `ns${n}`);
    for (const namespace of clusters) lab.kubernetes.putCredentials(namespace, 'aws', 'AKIAEXAMPLE');
    await Promise.all(
      clusters.map((namespace) => dns.publish(lab.here(namespace), recordsOf(namespace), signal, SINCE)),
    );
    expect(Object.keys(await lab.moto.txtSets(lab.zoneId))).toHaveLength(615);
    expect(lab.proxy.counts()).toEqual({ ListHostedZones: 1, ChangeResourceRecordSets: 1 });
    lab.proxy.requests.length = 0;
    await Promise.all(clusters.map((namespace) => dns.withdraw(lab.here(namespace), recordsOf(namespace), signal)));
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
    expect(lab.proxy.counts()).toEqual({ ChangeResourceRecordSets: 1 });
  });
});
