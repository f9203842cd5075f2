/** kubectl's flags, under kubectl's names and with its meaning. */
import { type Command, Option } from 'commander';
import type { OutputOptions } from './output.ts';

/** `--timeout` of a command that waits for one thing. */
export const DEFAULT_TIMEOUT = '30m';

/** Which API server: absent, as kubectl finds it. */
export interface KubeConnection {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** Of a command about one cluster. */
export interface NamespaceOptions extends KubeConnection {
  readonly namespace?: string;
}

/** Of a command about several clusters. */
export interface SelectionOptions extends NamespaceOptions {
  readonly allNamespaces?: true;
  readonly selector?: string;
}

/** Of a command that waits. */
export interface TimeoutOptions {
  /** A duration. */
  readonly timeout?: string;
}

/** Of a command that acts on one cluster, or on a selection. */
export interface TargetOptions extends SelectionOptions {
  readonly all?: true;
}

/** Adds `--kubeconfig` and `--context`. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig of the management cluster (default: KUBECONFIG, then ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig (default: its current one)');
}

/** Adds `-n` and the flags of {@link addConnectionOptions}. */
export function addNamespaceOptions(command: Command): Command {
  command.option('-n, --namespace <name>', 'namespace of the cluster (default: that of the context)');
  return addConnectionOptions(command);
}

/** Adds `-n`, `-A`, `-l` and the flags of {@link addConnectionOptions}. */
export function addSelectionOptions(command: Command): Command {
  command
    .option('-n, --namespace <name>', 'namespace of the clusters; of a cluster by name, that of the context by default')
    .option('-A, --all-namespaces', 'clusters of all namespaces')
    .option(
      '-l, --selector <labels>',
      'only ClusterDeployments and standalone CertificateRequests with these labels, such as team=payments,tier!=test',
    );
  return addConnectionOptions(command);
}

/** Adds `--all`, `--yes`, `--dry-run` and the flags of {@link addSelectionOptions}. */
export function addTargetOptions(command: Command): Command {
  addSelectionOptions(command);
  return command
    .option('--all', 'all clusters of the namespace, or with -A of all namespaces')
    .option('--yes', 'do not ask before acting on a selection (-l, --all)')
    .option('--dry-run', 'show what would be done, and do nothing');
}

/** Adds `--timeout`. @param limit how long the command waits, and by default. */
export function addTimeoutOption(command: Command, limit = `how long to wait (default: ${DEFAULT_TIMEOUT})`): Command {
  return command.option('--timeout <duration>', limit);
}

/** Adds `-o` and `--json`. @param formats beside `json` and `yaml`. */
export function addOutputOptions(command: Command, formats: readonly ('table' | 'wide')[] = ['table']): Command {
  return command
    .addOption(new Option('-o, --output <format>', 'output format').choices([...formats, 'json', 'yaml']))
    .addOption(new Option('--json', 'the same as -o json').conflicts('output' satisfies keyof OutputOptions));
}
