/** Worker Versioning as an operator steers it: by the temporal CLI, with the commands of docs/operations.md. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { executable } from '../../local/build/executables.ts';
import { eventually } from './eventually.ts';
import type { LifeLab } from './life-lab.ts';
import { PATIENCE_MS } from './patience.ts';

/** As the Temporal worker controller names it: Kubernetes namespace and object. */
export const DEPLOYMENT = 'certman-operator/certman';

/** What the controller gives the pods of a version. */
export function versioned(buildId: string): Readonly<Record<string, string>> {
  return { TEMPORAL_DEPLOYMENT_NAME: DEPLOYMENT, TEMPORAL_WORKER_BUILD_ID: buildId };
}

/** @throws what the CLI complained of. */
async function workerDeployment(lab: LifeLab, command: string, ...more: readonly string[]): Promise<string> {
  const { address, namespace } = lab.stack.temporal;
  const { stdout } = await promisify(execFile)(
    await executable('temporal'),
    ['worker', 'deployment', command, '--deployment-name', DEPLOYMENT, ...more],
    {
      env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, HOME: lab.stack.stateDir },
      timeout: PATIENCE_MS,
    },
  );
  return stdout;
}

/** New workflows begin on it, and those that run go on on it. A version is refused until its worker has polled. */
export async function setCurrentVersion(lab: LifeLab, buildId: string): Promise<void> {
  await untilDone(`${buildId} is current`, () =>
    workerDeployment(lab, 'set-current-version', '--build-id', buildId, '--yes'),
  );
}

/** Back to workers without versions. */
export async function setUnversioned(lab: LifeLab): Promise<void> {
  await untilDone('no version is current', () =>
    workerDeployment(lab, 'set-current-version', '--unversioned', '--yes'),
  );
}

/** The same for a share of the workflows. */
export async function setRampingVersion(lab: LifeLab, buildId: string, percentage: number): Promise<void> {
  await untilDone(`${buildId} is ramping`, () =>
    workerDeployment(lab, 'set-ramping-version', '--build-id', buildId, '--percentage', String(percentage), '--yes'),
  );
}

async function untilDone(what: string, command: () => Promise<string>): Promise<void> {
  await eventually(what, command, () => true);
}
