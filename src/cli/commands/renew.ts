/** `certman renew`: a new certificate now, whatever the schedule says. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { Command } from 'commander';
import { loadSettings, loadTemporal } from '../../configuration/load-configuration.ts';
import type { RenewedCertificate } from '../../contract/cluster-certificates.ts';
import { CLUSTER_ARGUMENT, type ClusterName, parseClusterName } from '../cluster-argument.ts';
import { formatInstant, note, print } from '../output.ts';
import { withTemporal } from '../temporal-client.ts';

const POLL_INTERVAL_MS = 500;

interface RenewOptions {
  readonly bundle?: string;
  readonly json?: true;
}

export function renewCommand(): Command {
  return new Command('renew')
    .summary('renew certificates of a cluster now')
    .description(
      'Orders new certificates for a cluster, or for a CertificateRequest that stands alone, now and waits until they are in their Secrets. The renewal goes on by itself when this command is interrupted.',
    )
    .argument('<cluster>', CLUSTER_ARGUMENT)
    .option('--bundle <name>', 'only this certificate bundle')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  certman renew uhc-production-1/demo --bundle primary')
    .action(async (text: string, options: RenewOptions) => {
      const cluster = parseClusterName(text);
      const { managementCluster } = loadSettings(process.env, ['managementCluster']);
      const renewed = await withTemporal(loadTemporal(process.env), (client) =>
        renew(client, managementCluster, cluster, options),
      );
      print(options.json === true ? JSON.stringify({ renewed }) : renewed.map(asText).join('\n'));
    });
}

async function renew(
  client: Client,
  managementCluster: string,
  cluster: ClusterName,
  options: RenewOptions,
): Promise<readonly RenewedCertificate[]> {
  const contract = await import('../../contract/cluster-certificates.ts');
  const { updateResult, requireClusterWorkflow } = await import('../cluster-update.ts');
  const handle = await requireClusterWorkflow(client, managementCluster, cluster);
  const finished = new AbortController();
  const request = options.bundle === undefined ? {} : { bundleName: options.bundle };
  const update = handle.executeUpdate(contract.renew, { args: [request] });
  const answer = updateResult(update).finally(() => finished.abort());
  const [result] = await Promise.allSettled([answer, followProgress(client, handle, finished.signal)]);
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/** Tells each new step as it begins. That nobody answers for a moment changes nothing about the renewal. */
async function followProgress(client: Client, handle: WorkflowHandle, signal: AbortSignal): Promise<void> {
  const { describeProgress } = await import('../renewal-progress.ts');
  let told = '';
  while (!signal.aborted) {
    try {
      const step = await describeProgress(client, handle);
      if (step !== told && step !== '' && !signal.aborted) note(step);
      told = step;
    } catch (error) {
      const { isUnavailable } = await import('../unavailable.ts');
      if (!isUnavailable(error)) throw error;
    }
    await sleep(POLL_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

function asText({ bundleName, certificate }: RenewedCertificate): string {
  return `${bundleName}: renewed by ${certificate.issuerName}, serial ${certificate.serialNumber}, expires ${formatInstant(certificate.notAfter)}`;
}
