/** One local stack for the whole test run, prepared as a management cluster; every test worker gets its endpoints. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { executables } from '../../../local/stack/build/executables.ts';
import { readEndpoints, type StackEndpoints } from '../../../local/stack/endpoints.ts';
import { prepareManagementCluster } from '../../../local/stack/management-cluster/management-cluster.ts';
import { openStack, startStack } from '../../../local/stack/stack.ts';
import { ALL_TOOLS } from '../../../local/stack/versions.ts';
import { provideBundles } from '../temporal/workflow-bundle.ts';

/** Plain data, as it goes to other processes. */
export interface ProvidedStack {
  readonly endpoints: StackEndpoints;
  /** Variables of a worker, with the rights of certman's ServiceAccount. */
  readonly workerEnvironment: Readonly<Record<string, string>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly stack: ProvidedStack;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const removeBundles = await provideBundles(project, ['workflows', 'recording-workflows', 'forging-workflow']);
  try {
    const stopStack = await provideStack(project);
    return async () => {
      await stopStack();
      await removeBundles();
    };
  } catch (error) {
    await removeBundles();
    throw error;
  }
}

async function provideStack(project: TestProject): Promise<() => Promise<void>> {
  // A stack that is up already (npm run stack -- up) spares its start, run after run.
  const running = process.env['CERTMAN_TEST_STACK'];
  if (running !== undefined && running !== '') {
    const stack = openStack(await readEndpoints(running));
    const { environment } = await prepareManagementCluster(stack);
    project.provide('stack', { endpoints: await readEndpoints(running), workerEnvironment: environment });
    return () => Promise.resolve();
  }
  await executables(ALL_TOOLS);
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-test-stack-'));
  const stack = await startStack({ stateDir });
  try {
    const { environment } = await prepareManagementCluster(stack);
    // An API server as old as its store remembers every change since the first; those of hubs do not.
    await stack.part('kube-apiserver').stop();
    await stack.part('kube-apiserver').start();
    project.provide('stack', { endpoints: await readEndpoints(stateDir), workerEnvironment: environment });
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return async () => {
    await stack.stop();
    if (project.vitest.state.getCountOfFailedTests() === 0) await rm(stateDir, { recursive: true, force: true });
    else process.stderr.write(`Logs of the stack that the tests ran on: ${join(stateDir, 'logs')}\n`);
  };
}
