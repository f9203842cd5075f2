/** The program as the image has it: one worker takes a cluster from its first certificate to its deletion. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, test } from 'vitest';
import { bundleProgram, PROGRAM, WORKFLOW_BUNDLE } from '../../../local/image/bundle-program.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster } from '../../support/e2e/clusters.ts';
import { expectDecommissioned, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { workflowBundle } from '../../support/temporal/workflow-bundle.ts';

/** Below node_modules, where the program finds the Temporal SDK. */
const STATE = fileURLToPath(new URL('../../../.certman/', import.meta.url));

const lab = useE2eHarness({ temporal: 'inMemory', worker: false });
let folder: string;

beforeAll(async () => {
  await mkdir(STATE, { recursive: true });
  folder = await mkdtemp(join(STATE, 'built-program-test-'));
  await bundleProgram(folder);
  await copyFile(workflowBundle().codePath, join(folder, WORKFLOW_BUNDLE));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('it issues, shows and revokes a certificate, with nothing but its own files and the Temporal SDK', async () => {
  const program = join(folder, PROGRAM);
  // Without the setting, the workflow code is what is beside the program.
  await lab().startWorker({ program, environment: { CERTMAN_WORKFLOW_BUNDLE: undefined } });
  const cluster = await createCluster(lab(), 'built');
  const { serialNumber } = await waitUntilCertified(lab(), cluster);
  const env = { ...process.env, ...lab().commandEnvironment() };
  // It lists what Temporal's visibility has, which follows.
  await waitFor('the cluster is listed as Ready', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'status'], { env });
    return new RegExp(`^${cluster.namespace}/${cluster.name} +Ready `, 'm').test(stdout) ? {} : stdout;
  });
  await deleteCluster(lab(), cluster);
  await expectDecommissioned(lab(), cluster, { revoked: [serialNumber] });
});
