/** Worker Versioning as an operator steers it: by the temporal CLI, with the commands of docs/operations.md. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { executable } from '../../../local/stack/build/executables.ts';
import type { E2eHarness } from '../e2e/harness.ts';
import { eventually } from '../vitest/eventually.ts';
import { WAIT_TIMEOUT_MS } from '../vitest/timeouts.ts';

/** As the Temporal worker controller names it: Kubernetes namespace and object. */
export const DEPLOYMENT_NAME = 'certman-operator/certman';

/** What the controller gives the pods of a version. */
export function versionEnvironment(buildId: string): Readonly<Record<string, string>> {
  return { TEMPORAL_DEPLOYMENT_NAME: DEPLOYMENT_NAME, TEMPORAL_WORKER_BUILD_ID: buildId };
}

/** @throws what the CLI complained of. */
async function workerDeployment(lab: E2eHarness, command: string, ...more: readonly string[]): Promise<string> {
  const { address, namespace } = lab.stack.temporal;
  const { stdout } = await promisify(execFile)(
    await executable('temporal'),
    ['worker', 'deployment', command, '--deployment-name', DEPLOYMENT_NAME, ...more],
    {
      env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, HOME: lab.stack.stateDir },
      timeout: WAIT_TIMEOUT_MS,
    },
  );
  return stdout;
}

/** New workflows begin on it, and those that run go on on it. A version is refused until its worker has polled. */
export async function setCurrentVersion(lab: E2eHarness, buildId: string): Promise<void> {
  await retryCommand(`${buildId} is current`, () =>
    workerDeployment(lab, 'set-current-version', '--build-id', buildId, '--yes'),
  );
}

/** Back to workers without versions. */
export async function setUnversioned(lab: E2eHarness): Promise<void> {
  await retryCommand('no version is current', () =>
    workerDeployment(lab, 'set-current-version', '--unversioned', '--yes'),
  );
}

/** The same for a share of the workflows. */
export async function setRampingVersion(lab: E2eHarness, buildId: string, percentage: number): Promise<void> {
  await retryCommand(`${buildId} is ramping`, () =>
    workerDeployment(lab, 'set-ramping-version', '--build-id', buildId, '--percentage', String(percentage), '--yes'),
  );
}

async function retryCommand(what: string, command: () => Promise<string>): Promise<void> {
  await eventually(what, command, () => true);
}
