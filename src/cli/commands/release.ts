/** `certman release`: lets a cluster that is being deleted, or bundles taken out of one, go without what cannot be done. */
import { Command } from 'commander';
import { loadSettings, loadTemporal } from '../../configuration/load-configuration.ts';
import type { ReleaseResult } from '../../contract/cluster-certificates.ts';
import { CertmanError, type FailureInfo } from '../../failures/failure.ts';
import { CLUSTER_ARGUMENT, parseClusterName } from '../cluster-argument.ts';
import { print } from '../output.ts';
import { withTemporal } from '../temporal-client.ts';

export function releaseCommand(): Command {
  return new Command('release')
    .summary('let a deleted cluster, or a bundle taken out of one, go whose end is blocked')
    .description(
      'A cluster that is being deleted is let go now; of a cluster that lives on, the bundles that were taken out of its ClusterDeployment: what cannot be done (a revocation, the removal of a Secret or of TXT records) is tried once more, recorded, and given up. Without this it happens by CERTMAN_DECOMMISSION_POLICY and CERTMAN_DECOMMISSION_LIMIT.',
    )
    .argument('<cluster>', `${CLUSTER_ARGUMENT}, that is being deleted or has lost a bundle`)
    .option('--yes', 'yes, give up what cannot be done: certificates may stay valid that nobody revokes')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  certman release uhc-production-1/demo --yes')
    .action(async (text: string, options: { readonly yes?: true; readonly json?: true }) => {
      const cluster = parseClusterName(text);
      if (options.yes !== true) {
        throw new CertmanError({
          code: 'configuration/invalid',
          message: `Certificates of ${text} may stay valid, with nobody left to revoke them.`,
          remedy: `See what is in the way with "certman status ${text}"; say --yes to let go all the same.`,
        });
      }
      const { managementCluster } = loadSettings(process.env, ['managementCluster']);
      const released = await withTemporal(loadTemporal(process.env), async (client) => {
        const { release } = await import('../../contract/cluster-certificates.ts');
        const { updateResult, requireClusterWorkflow } = await import('../cluster-update.ts');
        const handle = await requireClusterWorkflow(client, managementCluster, cluster);
        return await updateResult(handle.executeUpdate(release));
      });
      print(options.json === true ? JSON.stringify(released) : formatReleased(text, released));
    });
}

/** @param cluster as the person named it. */
export function formatReleased(cluster: string, released: ReleaseResult): string {
  const { failures: left, blockedBy } = released;
  if (blockedBy !== undefined) {
    return [
      `${cluster}: the finalizer is not released yet; it is tried again until it can be:`,
      problemLine(blockedBy),
      ...(left.length === 0 ? [] : ['Left undone before that:', ...left.map(problemLine)]),
    ].join('\n');
  }
  const done = describeRelease(released);
  if (left.length === 0) return `${cluster}: everything could be done; ${done}.`;
  return [`${cluster}: ${done}. Left undone:`, ...left.map(problemLine)].join('\n');
}

function describeRelease({ of, bundleNames, finalizer }: ReleaseResult): string {
  if (of === 'bundles') return `let go of ${bundleNames.length === 1 ? 'bundle' : 'bundles'} ${bundleNames.join(', ')}`;
  if (finalizer === 'absent') return 'there was no finalizer any more';
  if (finalizer === 'kept') return 'the CertificateRequest lives on and keeps its finalizer';
  // A run that an earlier version began answers before it is released.
  return finalizer === undefined ? 'the finalizer is released next' : 'the finalizer is released';
}

function problemLine({ code, message }: FailureInfo): string {
  return `  ${code}: ${message}`;
}
