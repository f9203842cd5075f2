import type { Client } from '@temporalio/client';
import { type KubernetesApi } from '../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS } from '../../src/kubernetes/objects/resources.ts';
import type { SampleCluster } from '../stack/management-cluster/sample-cluster.ts';
import type { RunningStack } from '../stack/stack.ts';
import {
  CheckFailed,
  expectStatusAtCa,
  type InstalledCertificate,
  waitForCertificate,
  waitForObjectRemoval,
  waitForReadyRequest,
  waitForTxtRemoval,
} from './checks.ts';
import { describeCertificate, printFirstIssuance } from './output.ts';
import { print, type Steps } from './steps.ts';

/** What the steps of a run work on. */
export interface DemoContext {
  readonly stack: RunningStack;
  readonly kubernetes: KubernetesApi;
  readonly client: Client;
  readonly clusters: readonly SampleCluster[];
  readonly steps: Steps;
}

/** Issues, renews and deletes the certificates of all clusters, and checks each step. @throws CheckFailed */
export async function runLifecycle(context: DemoContext): Promise<void> {
  const { stack, kubernetes, clusters, steps } = context;

  const first = await steps.run('issued: in its Secret, valid at the CA', 3, async () => {
    const issued = eachCluster(clusters, async (cluster) => {
      const installed = await waitForCertificate(kubernetes, cluster);
      await expectStatusAtCa(stack, installed.serialNumber, 'Valid');
      await waitForReadyRequest(kubernetes, cluster, installed.serialNumber);
      return installed;
    });
    const [certificates] = await Promise.all([issued, printFirstIssuance(context, 1)]);
    return certificates;
  });
  print(describeCertificate(clusters[0], first[0]));
  await steps.run('TXT records withdrawn', 1, () =>
    eachCluster(clusters, (cluster) => waitForTxtRemoval(stack, cluster)),
  );

  const second = await steps.run('renewed by its timer, with another key (a two-minute certificate)', 60, async () => {
    const progress = printFirstIssuance(context, 2);
    const certificates = await eachCluster(clusters, async (cluster, index) => {
      const before = first[index];
      const installed = await waitForCertificate(kubernetes, cluster, before?.serialNumber);
      await expectStatusAtCa(stack, installed.serialNumber, 'Valid');
      if (installed.keyFingerprint === before?.keyFingerprint) throw new CheckFailed('the renewal reused the old key');
      await waitForReadyRequest(kubernetes, cluster, installed.serialNumber);
      return installed;
    });
    await progress;
    return certificates;
  });
  print(describeCertificate(clusters[0], second[0]));

  await steps.run('deleted: finalizers removed, CertificateRequest and Secret gone', 1, async () => {
    await eachCluster(clusters, async (cluster) => {
      await kubernetes.delete(CLUSTER_DEPLOYMENTS, { namespace: cluster.namespace, name: cluster.name });
    });
    await eachCluster(clusters, (cluster) => waitForObjectRemoval(kubernetes, cluster));
  });
  await steps.run('revoked at the CA: every certificate that was still valid', 1, async () => {
    await eachCluster(clusters, async (_cluster, index) => {
      for (const installed of [first[index], second[index]]) {
        if (installed === undefined) throw new CheckFailed('a certificate is missing');
        if (!isExpired(installed)) await expectStatusAtCa(stack, installed.serialNumber, 'Revoked');
      }
    });
  });
  await steps.run('TXT records gone', 1, () => eachCluster(clusters, (cluster) => waitForTxtRemoval(stack, cluster)));
}

function isExpired(installed: InstalledCertificate): boolean {
  return Date.parse(installed.certificate.validTo) <= Date.now();
}

async function eachCluster<T>(
  clusters: readonly SampleCluster[],
  work: (cluster: SampleCluster, index: number) => Promise<T>,
): Promise<readonly T[]> {
  return await Promise.all(clusters.map(work));
}
