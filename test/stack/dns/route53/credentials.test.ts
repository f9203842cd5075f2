import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { PlatformView } from '../../../../src/clusters/cluster-view.ts';
import type { ZoneTarget } from '../../../../src/clusters/zone-target.ts';
import type { PlatformProvider } from '../../../../src/dns/registry.ts';
import { record, SINCE, signal, useRoute53 } from '../../../support/dns/route53-harness.ts';
import { type Route53Request, zoneTarget } from '../../../support/dns/route53-proxy.ts';

const lab = useRoute53();

describe('credentials', () => {
  it('that are missing or malformed have failures of their own, and are read again at the next attempt', async () => {
    const dns = lab.provider();
    lab.kubernetes.objects.clear();
    await expect(dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject({
      code: 'dns/credentialsMissing',
    });
    lab.kubernetes.put('Secret', 'ns', 'aws', {
      data: { aws_access_key_id: Buffer.from('AKIA X').toString('base64') },
    });
    await expect(dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject({
      code: 'dns/credentialsMalformed',
    });
    lab.kubernetes.putCredentials('ns', 'aws', 'AKIAEXAMPLE');
    await dns.publish(lab.here(), [record(lab.zoneName)], signal, SINCE);
  });

  it('of an STS cluster are assumed: the jump role first, then the customer’s', async () => {
    lab.kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
    lab.kubernetes.put('ConfigMap', 'aws-account-operator', 'aws-account-operator-configmap', {
      data: { 'sts-jump-role': 'arn:aws:iam::111111111111:role/jump' },
    });
    lab.kubernetes.put('AccountClaim', 'ns', 'c1', {
      spec: { stsRoleARN: 'arn:aws:iam::123456789012:role/customer', stsExternalID: 'external' },
    });
    const sts = zoneTarget({ zoneName: lab.zoneName, platform: { kind: 'aws', region: 'us-east-1', sts: true } });
    const dns = lab.provider();
    await dns.publish(sts, [record(lab.zoneName)], signal, SINCE);
    await dns.withdraw(sts, [record(lab.zoneName)], signal);
    const assumed = lab.proxy.requests.filter(({ body }) => body.includes('Action=AssumeRole'));
    expect(assumed.map(({ body }) => new URLSearchParams(body).get('RoleArn'))).toEqual([
      'arn:aws:iam::111111111111:role/jump',
      'arn:aws:iam::123456789012:role/customer',
    ]);
    expect(new URLSearchParams(assumed[1]?.body).get('ExternalId')).toBe('external');
  });

  it('of STS clusters are sessions named after the cluster, also where clusters have one role', async () => {
    lab.kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
    lab.kubernetes.put('ConfigMap', 'aws-account-operator', 'aws-account-operator-configmap', {
      data: { 'sts-jump-role': 'arn:aws:iam::111111111111:role/jump' },
    });
    const dns = lab.provider();
    for (const clusterName of ['c1', 'c2']) {
      lab.kubernetes.put('AccountClaim', 'ns', clusterName, {
        spec: { stsRoleARN: 'arn:aws:iam::123456789012:role/customer' },
      });
      const platform = { kind: 'aws', region: 'us-east-1', sts: true } as const;
      await dns.publish(
        zoneTarget({ zoneName: lab.zoneName, clusterName, platform }),
        [record(lab.zoneName)],
        signal,
        SINCE,
      );
    }
    const assumed = lab.proxy.requests.filter(({ body }) => body.includes('Action=AssumeRole'));
    expect(assumed.map(({ body }) => new URLSearchParams(body).get('RoleSessionName'))).toEqual([
      'certman',
      'certman@ns.c1',
      'certman@ns.c2',
    ]);
  });

  describe('of an STS cluster, after AWS has denied them', () => {
    const platform = { kind: 'aws', region: 'us-east-1', sts: true } as const;
    const rolesAssumed = () => lab.proxy.requests.flatMap(({ body }) => /role%2F(\w+)/.exec(body)?.[1] ?? []).slice(-4);

    async function deniedPublication(when: (request: Route53Request) => boolean): Promise<() => Promise<unknown>> {
      lab.kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
      lab.kubernetes.put('ConfigMap', 'aws-account-operator', 'aws-account-operator-configmap', {
        data: { 'sts-jump-role': 'arn:aws:iam::111111111111:role/jump' },
      });
      lab.kubernetes.put('AccountClaim', 'ns', 'c1', {
        spec: { stsRoleARN: 'arn:aws:iam::123456789012:role/customer' },
      });
      const dns = lab.provider();
      const target = zoneTarget({ zoneName: lab.zoneName, platform });
      const publish = () => dns.publish(target, [record(lab.zoneName)], signal, SINCE);
      lab.proxy.refuse = (request) =>
        when(request)
          ? { status: 403, code: 'AccessDenied', message: 'No identity-based policy allows it.' }
          : undefined;
      await expect(publish()).rejects.toMatchObject({ code: 'dns/accessDenied' });
      lab.proxy.refuse = () => undefined;
      return publish;
    }

    it('are assumed anew, so that a role that was repaired works at once', async () => {
      const publish = await deniedPublication(({ path }) => path.includes('/rrset'));
      await publish();
      expect(rolesAssumed()).toEqual(['jump', 'customer', 'customer']);
    });

    it('are assumed from a new session of the jump role, if that may not assume them', async () => {
      const publish = await deniedPublication(({ body }) => body.includes('role%2Fcustomer'));
      await publish();
      expect(rolesAssumed()).toEqual(['jump', 'customer', 'jump', 'customer']);
    });
  });

  it('are certman’s own in FedRAMP mode, with one zone for all', async () => {
    lab.kubernetes.objects.clear();
    lab.kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
    const dns = lab.provider({}, { fedramp: { hostedZoneId: `/hostedzone/${lab.zoneId}`, standaloneRequests: false } });
    const deep = zoneTarget({ zoneName: `deep.${lab.zoneName}` });
    expect(await dns.publish(deep, [record(`deep.${lab.zoneName}`)], signal, SINCE)).toMatchObject({
      zoneId: lab.zoneId,
    });
    expect(lab.proxy.counts()).toEqual({ ChangeResourceRecordSets: 1 });
  });

  describe('of a ClusterDeployment that names no Secret', () => {
    const unnamed = () =>
      zoneTarget({ zoneName: lab.zoneName, platform: { kind: 'aws', region: 'us-east-1', sts: false } });
    beforeEach(() => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAWORKER');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    });
    afterEach(() => void vi.unstubAllEnvs());

    it('are not certman’s own where its namespace does not allow them', async () => {
      const dns = lab.provider();
      const refusal = { code: 'dns/credentialsMissing', message: expect.stringMatching(/names no Secret/) as string };
      await expect(dns.publish(unnamed(), [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject(refusal);
      await expect(dns.withdraw(unnamed(), [record(lab.zoneName)], signal)).rejects.toMatchObject(refusal);
    });

    it('are certman’s own where the Namespace has the label', async () => {
      const labels = { 'certman.managed.openshift.io/ambient-aws-credentials': 'true' };
      lab.kubernetes.put('Namespace', '', 'ns', { metadata: { name: 'ns', labels } });
      const published = await lab.provider().publish(unnamed(), [record(lab.zoneName)], signal, SINCE);
      expect(published).toMatchObject({ zoneId: lab.zoneId });
    });

    it('are certman’s own where the setting allows all', async () => {
      const dns = lab.provider({}, { ambientCredentials: 'all' });
      expect(await dns.publish(unnamed(), [record(lab.zoneName)], signal, SINCE)).toMatchObject({ zoneId: lab.zoneId });
    });
  });

  describe('of a standalone CertificateRequest', () => {
    const alone = (parts: Partial<Extract<PlatformView, { readonly kind: 'aws' }>> = {}) =>
      zoneTarget({
        zoneName: lab.zoneName,
        clusterName: 'web',
        kind: 'CertificateRequest',
        platform: { kind: 'aws', region: 'us-east-1', sts: false, ...parts },
      });

    /** By every method that takes a target. */
    async function expectRefused(dns: PlatformProvider, asked: ZoneTarget, said: RegExp): Promise<void> {
      const refusal = { code: 'dns/credentialsMissing', message: expect.stringMatching(said) as string };
      await expect(dns.publish(asked, [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject(refusal);
      await expect(dns.withdraw(asked, [record(lab.zoneName)], signal)).rejects.toMatchObject(refusal);
      await expect(dns.awaitLive(asked, 'C1', signal)).rejects.toMatchObject(refusal);
    }

    it('are those of its Secret, never the worker’s own, even when these are cached', async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAWORKER');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
      onTestFinished(() => void vi.unstubAllEnvs());
      const dns = lab.provider({}, { ambientCredentials: 'all' });
      const lent = zoneTarget({ zoneName: lab.zoneName, platform: { kind: 'aws', region: 'us-east-1', sts: false } });
      await dns.publish(lent, [record(lab.zoneName)], signal, SINCE);
      const { length } = lab.proxy.requests;
      await expectRefused(dns, alone(), /^CertificateRequest ns\/web is standalone, .*names no Secret/);
      expect(lab.proxy.requests).toHaveLength(length);
      await dns.publish(alone({ credentialsSecret: 'aws' }), [record(lab.zoneName)], signal, SINCE);
    });

    it('are never the roles of an STS cluster in its namespace, though it has the name of its AccountClaim', async () => {
      lab.kubernetes.put('AccountClaim', 'ns', 'web', {
        spec: { stsRoleARN: 'arn:aws:iam::123456789012:role/customer' },
      });
      await expectRefused(lab.provider(), alone({ sts: true, credentialsSecret: 'aws' }), /names no Secret/);
      expect(lab.proxy.requests).toEqual([]);
    });

    it('are not certman’s own in FedRAMP mode, unless a setting allows it', async () => {
      lab.kubernetes.objects.clear();
      lab.kubernetes.putCredentials('certman-operator', 'certman-operator-aws-credentials', 'AKIAOPERATOR');
      const fedramp = { hostedZoneId: lab.zoneId, standaloneRequests: false };
      const asked = alone({ credentialsSecret: 'aws' });
      const dns = lab.provider({}, { fedramp });
      await dns.publish(zoneTarget({ zoneName: lab.zoneName }), [record(lab.zoneName)], signal, SINCE);
      await expectRefused(dns, asked, /in FedRAMP mode/);
      const allowed = lab.provider({}, { fedramp: { ...fedramp, standaloneRequests: true } });
      expect(await allowed.publish(asked, [record(lab.zoneName)], signal, SINCE)).toMatchObject({ zoneId: lab.zoneId });
    });
  });

  it('do not exist for platforms that are not served', async () => {
    const vsphere = zoneTarget({ zoneName: lab.zoneName, platform: { kind: 'unsupported', found: 'vsphere' } });
    await expect(lab.provider().publish(vsphere, [record(lab.zoneName)], signal, SINCE)).rejects.toMatchObject({
      code: 'dns/platformUnsupported',
    });
  });
});
