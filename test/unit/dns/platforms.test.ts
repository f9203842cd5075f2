/** From a ClusterDeployment of a platform and the Secret that it names to the TXT record in its zone, and back. */
import { describe, expect, test } from 'vitest';
import { createDnsActivities } from '../../../activities/dns.ts';
import type { PublishTxtRecordsInput } from '../../../src/contract/activities/dns.ts';
import type { PlatformProvider } from '../../../src/dns/registry.ts';
import { ServedBundles } from '../../../src/kubernetes/objects/served-bundles.ts';
import { useAzure } from '../../support/dns/azure/harness.ts';
import { useGoogle } from '../../support/dns/google/harness.ts';
import type { FakeKubernetesApi } from '../../support/dns/route53-proxy.ts';
import { clusterOf, SEALED, sealedInput } from '../../support/dns/sealed-records.ts';
import { failureOf, runActivity } from '../../support/temporal/run-activity.ts';

const ZONE = 'c1.example.com';
const IDENTITY = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'uid-of-c1' };
const RECORD = { name: `_acme-challenge.api.c1.${ZONE}`, value: 'proof' };

/** A worker of the cluster's platform. */
async function worker(kubernetes: FakeKubernetesApi, dns: PlatformProvider, platform: object) {
  kubernetes.objects.set('ClusterDeployment ns/c1', {
    kind: 'ClusterDeployment',
    metadata: { namespace: 'ns', name: 'c1', uid: IDENTITY.uid, labels: { 'api.openshift.com/managed': 'true' } },
    spec: {
      baseDomain: ZONE,
      clusterName: 'c1',
      installed: true,
      manageDNS: false,
      platform,
      certificateBundles: [{ name: 'primary', generate: true, certificateSecretRef: { name: 'c1-primary' } }],
      controlPlaneConfig: { servingCertificates: { default: 'primary' } },
    },
  });
  const checks = new ServedBundles(kubernetes.asApi(), { managementCluster: 'hive' });
  const activities = createDnsActivities(dns, { ...SEALED, checks });
  const zone = await checks.zoneOf(IDENTITY);
  expect(clusterOf(zone)).toEqual({ ...IDENTITY, kind: undefined });
  const input = sealedInput(zone, [RECORD]);
  return {
    publish: () => runActivity((given: PublishTxtRecordsInput) => activities.publishTxtRecords(given), input),
    withdraw: () => runActivity((given: PublishTxtRecordsInput) => activities.withdrawTxtRecords(given), input),
  };
}

describe('a cluster on Google Cloud', () => {
  const harness = useGoogle();
  const platform = { gcp: { region: 'us-east1', credentialsSecretRef: { name: 'gcp' } } };

  test('has its records in its zone by the service account that it names', async () => {
    harness.google.addZone('c1', ZONE);
    const { publish, withdraw } = await worker(harness.kubernetes, harness.provider(), platform);
    await publish();
    expect(harness.google.txtOf('c1')).toEqual({ [RECORD.name]: [`"${RECORD.value}"`] });
    await withdraw();
    expect(harness.google.txtOf('c1')).toEqual({});
  });

  test('waits for the Secret that it names', async () => {
    const missing = { gcp: { ...platform.gcp, credentialsSecretRef: { name: 'other' } } };
    const { publish } = await worker(harness.kubernetes, harness.provider(), missing);
    expect(await failureOf(publish())).toMatchObject({ code: 'dns/credentialsMissing', retry: 'onChange' });
  });
});

describe('a cluster on Azure', () => {
  const harness = useAzure();
  const platform = {
    azure: { region: 'eastus', baseDomainResourceGroupName: 'dns', credentialsSecretRef: { name: 'azure' } },
  };

  test('has its records in its zone by the service principal that it names', async () => {
    harness.azure.addZone(ZONE);
    const { publish, withdraw } = await worker(harness.kubernetes, harness.provider(), platform);
    await publish();
    expect(harness.azure.txtOf(ZONE)).toEqual({ '_acme-challenge.api.c1': [RECORD.value] });
    await withdraw();
    expect(harness.azure.txtOf(ZONE)).toEqual({});
  });

  test('finds no zone in a resource group of others', async () => {
    harness.azure.addZone(ZONE, 'others');
    const { publish } = await worker(harness.kubernetes, harness.provider(), platform);
    expect(await failureOf(publish())).toMatchObject({ code: 'dns/zoneNotFound' });
  });
});
