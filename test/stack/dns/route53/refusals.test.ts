import { describe, expect, it } from 'vitest';
import { record, SINCE, signal, useRoute53 } from '../../../support/dns/route53-harness.ts';

const lab = useRoute53();

describe('a refusal by Route 53', () => {
  it('fails only the cluster whose name is refused', async () => {
    const refusal = { status: 400, code: 'InvalidChangeBatch', message: 'RRSet of type TXT is not permitted' };
    lab.proxy.refuse = ({ method, body }) => (method === 'POST' && body.includes('bad.') ? refusal : undefined);
    const dns = lab.provider();
    const names = Array.from({ length: 20 }, (_, n) => (n === 13 ? `bad.${lab.zoneName}` : `good${n}.${lab.zoneName}`));
    const outcomes = await Promise.allSettled(
      names.map((name) => dns.publish(lab.here(), [record(name)], signal, SINCE)),
    );
    const failed = outcomes.flatMap((outcome, n) => (outcome.status === 'rejected' ? [[n, outcome.reason.code]] : []));
    expect(failed).toEqual([[13, 'dns/changeRefused']]);
    expect(Object.keys(await lab.moto.txtSets(lab.zoneId))).toHaveLength(19);
  });

  it('retries after throttling and after another program’s change in progress', async () => {
    const codes = ['Throttling', 'PriorRequestNotComplete'];
    lab.proxy.refuse = ({ method }) => {
      const code = method === 'POST' ? codes.shift() : undefined;
      return code === undefined ? undefined : { status: 400, code, message: 'Rate exceeded' };
    };
    await lab.provider().publish(lab.here(), [record(lab.zoneName)], signal, SINCE);
    expect(Object.keys(await lab.moto.txtSets(lab.zoneId))).toHaveLength(1);
    expect(lab.proxy.counts()['ChangeResourceRecordSets']).toBe(3);
  });

  it('looks the zone up again when it was re-created under another id', async () => {
    const dns = lab.provider();
    lab.kubernetes.put('DNSZone', 'ns', 'zone', { spec: { zone: lab.zoneName }, status: { aws: { zoneID: 'ZOLD' } } });
    await expect(dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject({
      code: 'dns/zoneNotFound',
    });
    lab.kubernetes.put('DNSZone', 'ns', 'zone', {
      spec: { zone: lab.zoneName },
      status: { aws: { zoneID: lab.zoneId } },
    });
    expect(await dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE)).toMatchObject({ zoneId: lab.zoneId });
  });

  it('reports AccessDenied, and uses new credentials as soon as the Secret has them', async () => {
    lab.proxy.refuse = () => ({ status: 403, code: 'InvalidClientTokenId', message: 'The security token is invalid.' });
    const dns = lab.provider();
    await expect(dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject({
      code: 'dns/accessDenied',
      message: expect.stringContaining('InvalidClientTokenId: The security token is invalid.'),
    });
    lab.proxy.refuse = () => undefined;
    lab.kubernetes.putCredentials('ns', 'aws', 'AKIARIGHT');
    await dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE);
  });
});
