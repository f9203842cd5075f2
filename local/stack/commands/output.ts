import { join } from 'node:path';
import type { StackEndpoints } from '../endpoints.ts';
import type { ManagementCluster } from '../management-cluster/management-cluster.ts';

/** Output of a command: the result on standard output, everything else on standard error. */
export interface Output {
  /** The text, or with --json the data. */
  result(text: string, data: unknown): void;
  note(line: string): void;
}

/** @param json whether results are printed as JSON. */
export function createOutput(json: boolean): Output {
  return {
    result: (text, data) => process.stdout.write(`${json ? JSON.stringify(data, undefined, 2) : text}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
  };
}

/** Shell script with the settings of a worker and the CLI: `. <state folder>/env.sh`. */
export const ENVIRONMENT_FILE = 'env.sh';

/** Addresses, kubeconfigs and files of a stack as a table of two columns. */
export function describeStack(stack: StackEndpoints, managementCluster: Pick<ManagementCluster, 'kubeconfig'>): string {
  const rows = [
    ['Temporal', stack.temporal.address],
    ['Temporal Web UI', stack.temporal.uiUrl],
    ['Kubernetes', stack.kubernetes.server],
    ['kubeconfig, administrator', stack.kubernetes.adminKubeconfig],
    ['kubeconfig, certman', managementCluster.kubeconfig],
    ['ACME directory', stack.acme.directoryUrl],
    ['Route 53', stack.route53.endpoint],
    ['DNS', stack.dns.address],
    ['DoH', stack.dns.dohUrl],
    ['logs', join(stack.stateDir, 'logs')],
    ['for a shell', `. ${join(stack.stateDir, ENVIRONMENT_FILE)}`],
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length));
  return rows.map(([name = '', value = '']) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** Content of {@link ENVIRONMENT_FILE}. */
export function environmentScript(managementCluster: Pick<ManagementCluster, 'environment'>): string {
  const lines = Object.entries(managementCluster.environment).map(
    ([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`,
  );
  return `# The settings of a certman worker or its command line on this stack.\n${lines.join('\n')}\n`;
}
